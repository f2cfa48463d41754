"""Published figures, and who published them: each model as its source names it, on the same file and protocol as ours.

Figures are text, so that they keep the digits of their source. Nothing is imported: `tables.py` runs on Python alone.
"""

from typing import NamedTuple

SOURCES = {
    "Klenitskiy and Vasilev 2023": "Turning dross into gold loss: is BERT4Rec really better than SASRec? RecSys.",
    "Petrov and Macdonald 2023": "gSASRec: reducing overconfidence in sequential recommendation trained with negative "
    "sampling. RecSys.",
    "Tikhonovich et al. 2025": "eSASRec: enhancing Transformer-based recommendations in a modular fashion. RecSys.",
    "Gusak et al. 2025": "Time to split: exploring data splitting strategies for offline evaluation of sequential "
    "recommenders. RecSys.",
    "RecTools": "The Transformer models of MobileTeleSystems' RecTools, by its own benchmark.",
    "Wu et al. 2019": "Session-based recommendation with graph neural networks. AAAI. It measured NARM as well.",
    "Gupta et al. 2019": "NISER: normalized item and session representations to handle popularity bias.",
    "Wang et al. 2020": "Global context enhanced graph neural networks for session-based recommendation. SIGIR.",
    "Pan et al. 2020": "Star graph neural networks for session-based recommendation. CIKM.",
    "Tax et al. 2017": "Predictive business process monitoring with LSTM neural networks. CAiSE.",
    "logdeep": "The toolkit's own implementations. The paper of DeepLog (Du et al. 2017) prints an F1 of .960.",
    "Landauer et al. 2024": "A critical review of common log data sets used for evaluation of sequence-based anomaly "
    "detection techniques. FSE.",
    "Maxion and Townsend 2002": "Masquerade detection using truncated command lines. DSN.",
    "Le Borgne et al. 2022": "Reproducible machine learning for credit card fraud detection: practical handbook. ULB.",
    "tuned": "SASRec+ with cross-entropy over the whole catalogue, the best of 108 settings by the validation part.",
    "sketch": "Measured on the same file before this project began.",
}


class Published(NamedTuple):
    """What a source prints for a model; an empty figure where it prints none."""

    model: str
    source: str  # one of SOURCES, or empty
    figures: tuple[str, ...]  # in the order of MEASURES


MEASURES = {
    **dict.fromkeys(("ml-1m", "ml-1m-time", "beauty", "beauty-5core", "sports-5core"), ("HR@10", "NDCG@10")),
    **dict.fromkeys(("diginetica", "yoochoose-1-64"), ("P@20", "MRR@20")),
    **dict.fromkeys(("helpdesk", "bpi_12_w"), ("accuracy",)),
    "hdfs": ("F1", "oracle F1"),
    "masquerades-test": ("AUC", "average precision", "cost"),
    **dict.fromkeys(("card fraud, without labels", "card fraud, with labels"), ("AUROC", "AP", "CP@100")),
}
PUBLISHED = {
    "ml-1m": [
        Published("SASRec, binary cross-entropy", "Klenitskiy and Vasilev 2023", (".2500", ".1341")),
        Published("BERT4Rec", "Klenitskiy and Vasilev 2023", (".2843", ".1537")),
        Published("GRU4Rec, cross-entropy", "Klenitskiy and Vasilev 2023", (".2811", ".1648")),
        Published("gSASRec", "Petrov and Macdonald 2023", (".3003", ".1726")),
        Published("SASRec+", "Klenitskiy and Vasilev 2023", (".3152", ".1821")),
        Published("SASRec+, 3,000 negatives", "Klenitskiy and Vasilev 2023", (".3159", ".1857")),
        Published("SASRec+", "tuned", (".3207", ".1858")),
    ],
    "ml-1m-time": [
        Published("GRU4Rec", "Gusak et al. 2025", (".1505", ".0830")),
        Published("SASRec+", "Gusak et al. 2025", (".1596", ".0948")),
    ],
    "beauty": [
        Published("SASRec+", "Klenitskiy and Vasilev 2023", (".0533", ".0327")),
        Published("SASRec, softmax", "RecTools", (".0595", ".0359")),
    ],
    "beauty-5core": [
        Published("SASRec, sampled softmax", "Tikhonovich et al. 2025", (".0921", ".0531")),
        Published("eSASRec", "Tikhonovich et al. 2025", (".0928", ".0523")),
        Published("SASRec+", "tuned", (".0974", ".0588")),
    ],
    "sports-5core": [
        Published("SASRec, sampled softmax", "Tikhonovich et al. 2025", (".0569", ".0314")),
        Published("eSASRec", "Tikhonovich et al. 2025", (".0560", ".0323")),
        Published("SASRec+, full cross-entropy", "", (".0563", ".0329")),
    ],
    "diginetica": [
        Published("NARM", "Wu et al. 2019", (".497", ".162")),
        Published("SR-GNN", "Wu et al. 2019", (".507", ".176")),
        Published("GCE-GNN", "Wang et al. 2020", (".542", ".190")),
        Published("SGNN-HN", "Pan et al. 2020", (".5567", ".1945")),
    ],
    "yoochoose-1-64": [
        Published("NARM", "Wu et al. 2019", (".683", ".286")),
        Published("SR-GNN", "Wu et al. 2019", (".706", ".309")),
        Published("NISER+", "Gupta et al. 2019", ("", ".316")),
        Published("SGNN-HN", "Pan et al. 2020", (".7206", ".3261")),
    ],
    "helpdesk": [Published("LSTM", "Tax et al. 2017", (".7123",))],
    "bpi_12_w": [Published("LSTM", "Tax et al. 2017", (".7600",))],
    "hdfs": [
        Published("DeepLog", "logdeep", (".9454", "")),
        Published("LogAnomaly", "logdeep", (".9757", "")),
        Published("counts and new events", "Landauer et al. 2024", ("", ".9886")),
    ],
    "masquerades-test": [
        Published("own likelihood", "sketch", (".916", "", "")),
        Published("ratio of own and population", "sketch", (".950", "", "")),
        Published("self-updating ratio", "sketch", (".967", ".673", "45.5")),
        Published("naive Bayes with updating", "Maxion and Townsend 2002", ("", "", "46.3")),
    ],
    "card fraud, without labels": [
        Published("autoencoder", "Le Borgne et al. 2022", (".836", ".180", ".217")),
        Published("isolation forest", "Le Borgne et al. 2022", (".808", ".164", ".190")),
    ],
    "card fraud, with labels": [
        Published("XGBoost", "Le Borgne et al. 2022", (".869", ".687", ".303")),
        Published("LSTM", "Le Borgne et al. 2022", (".876", ".665", ".297")),
    ],
}
