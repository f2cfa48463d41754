"""What a sequence is, by the state that it leaves."""
