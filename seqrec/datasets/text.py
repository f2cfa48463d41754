"""Little stories from a grammar, whose likelihood is known: how near to the truth a model comes can be measured.

What a story is about was said in its first sentence, and who does something may stand long before the verb, with a
clause, an aside or another noun between. So it does not suffice to count what follows a few characters.
"""

from __future__ import annotations

import re
from bisect import bisect
from itertools import accumulate
from math import log
from typing import NamedTuple

import numpy as np
import pandas as pd

from seqrec._checks import check_integer
from seqrec.datasets.draws import generator

TOPICS = ("farm", "sea", "court")
NUMBERS = ("one", "many")
GRAMMAR = {  # what a name becomes, and how often; t is one of the topics, and n of the numbers
    "text": "1 <story farm> | 1 <story sea> | 1 <story court>",
    "story {t}": "1 <sentence {t}> | 3 <sentence {t}> <story {t}>",
    "sentence {t}": "8 <clause {t}>. | 2 <speech {t}>",
    "speech {t}": '1 <phrase {t} one> says: "<clause {t}>." | 1 <phrase {t} many> say: "<clause {t}>."',
    "clause {t}": "1 <phrase {t} one> <does {t} one> | 1 <phrase {t} many> <does {t} many>",
    "phrase {t} {n}": "14 <head {t} {n}> | 4 <head {t} {n}> that <does {t} {n}> | 3 <head {t} {n}> of <any {t}>"
    " | 2 <head {t} {n}> (<clause {t}>) | 2 <head {t} {n}> [<clause {t}>]",
    "head {t} one": "1 the <noun {t}> | 1 a <noun {t}> | 1 every <noun {t}> | 1 this <noun {t}>",
    "head {t} many": "1 the <noun {t}>s | 1 some <noun {t}>s | 1 many <noun {t}>s | 1 these <noun {t}>s",
    "any {t}": "1 <phrase {t} one> | 1 <phrase {t} many>",
    "does {t} one": "1 <act>s | 1 <deed>s <any {t}>",
    "does {t} many": "1 <act> | 1 <deed> <any {t}>",
    "act": "1 sleep | 1 sing | 1 wait | 1 dance | 1 laugh | 1 dream",
    "deed": "1 see | 1 follow | 1 like | 1 fear | 1 help | 1 find",
    "noun farm": "1 cow | 1 goat | 1 hen | 1 farmer | 1 dog | 1 pig",
    "noun sea": "1 sailor | 1 whale | 1 gull | 1 crab | 1 seal | 1 captain",
    "noun court": "1 king | 1 queen | 1 knight | 1 fool | 1 page | 1 horse",
}


class Rule(NamedTuple):
    """What a name becomes: the chance of each choice, and of what it consists, names in angle brackets."""

    chances: tuple[float, ...]
    choices: tuple[tuple[str, ...], ...]


def make_text(n_texts: int = 2_000, *, random_state: int | np.random.RandomState | None = None) -> pd.DataFrame:
    r"""Draw little stories from a grammar, with the log-likelihood of each.

    Use it to see how near to the truth a generator comes: none can expect a higher likelihood than that of the grammar,
    and one that stays below it by d nats an event has a Kullback-Leibler divergence of d.

    Parameters
    ----------
    n_texts : int, default=2000
        Number of texts, of 202 characters on average.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn. The grammar is the same for every seed.

    Returns
    -------
    pandas.DataFrame
        Row i is text i: `text` (str) and `log_likelihood` (float, nats), :math:`\log p` of the text and its end.

    Notes
    -----
    The grammar, in short; t is a topic (farm, sea or court), n and m are numbers (one or many), and numerals are the
    chances of what stands before them, which are equal otherwise::

        text       = story t
        story t    = sentence t (1/4), or sentence t and story t (3/4)
        sentence t = clause t. (4/5), or phrase t n say: "clause t." (1/5)
        clause t   = phrase t n does t n
        phrase t n = head t n (14/25), or head t n that does t n (4/25), or head t n of phrase t m (3/25),
                     or head t n (clause t) (2/25), or head t n [clause t] (2/25)
        head t n   = the, a, every, this or the, some, many, these; and a noun of t, of which there are six
        does t n   = one of six acts, or one of six deeds and phrase t m

    A noun and its verb agree in their number, over all that may stand between: nouns of many end in "s", and verbs of
    one. Nouns tell the topic, and brackets and quotes close as they were opened.

    A text has one derivation alone, so its likelihood is the product of the chances in it, and the entropy of a text is

    .. math:: H = \sum_A \mathrm{E}[n_A] \, \Bigl(-\sum_r p_{Ar} \log p_{Ar}\Bigr)

    over all names A of the grammar, of which a text has :math:`n_A`, and what each may become, r. H is 87.45 nats; with
    its end a text has 202.97 events on average, so this is **0.4309 nats an event**. What n-grams of characters reach
    is .6: they do not see so far.

    Examples
    --------
    >>> from seqrec import Sequences
    >>> from seqrec.datasets import make_text
    >>> texts = make_text(500, random_state=0)
    >>> texts["text"][4]
    'These fools sing.'
    >>> X = Sequences.from_texts(texts["text"])
    >>> truth = texts["log_likelihood"].sum() / (X.n_events + len(X))  # what `score` of a generator comes near to
    >>> float(truth.round(2))
    -0.43
    """
    rng, rules = generator(random_state), grammar()
    texts = [_draw(rules, rng) for _ in range(check_integer(n_texts, "n_texts"))]
    return pd.DataFrame(texts, columns=["text", "log_likelihood"])


def grammar() -> dict[str, Rule]:
    """Give the rule of each name, for all topics and numbers."""
    kinds = [{"t": topic, "n": number} for topic in TOPICS for number in NUMBERS]
    return {f"<{name.format(**kind)}>": _rule(rule.format(**kind)) for kind in kinds for name, rule in GRAMMAR.items()}


def _rule(line: str) -> Rule:
    parts = [choice.partition(" ")[::2] for choice in line.split(" | ")]
    total = sum(int(weight) for weight, _ in parts)
    return Rule(
        tuple(int(weight) / total for weight, _ in parts),
        tuple(tuple(re.findall(r"<[^>]+>|[^<]+", choice)) for _, choice in parts),
    )


def _draw(rules: dict[str, Rule], rng: np.random.Generator) -> tuple[str, float]:
    """Draw a text, and give its log-likelihood."""
    pieces, log_p, stack = [], 0.0, ["<text>"]
    while stack:
        if (rule := rules.get(piece := stack.pop())) is None:
            pieces.append(piece)
            continue
        choice = bisect(list(accumulate(rule.chances[:-1])), rng.random())
        log_p += log(rule.chances[choice])
        stack.extend(reversed(rule.choices[choice]))
    return _with_capitals("".join(pieces)), log_p


def _with_capitals(text: str) -> str:
    return re.sub(r'(^|\. |: "|" )([a-z])', lambda found: found[1] + found[2].upper(), text)
