"""Queries nobody has asked before: what an uncached measurement needs."""

THEMES = (
    "space travel and futuristic wars", "a heist that goes wrong", "coming of age in a small town",
    "courtroom drama about injustice", "post-apocalyptic survival", "time travel paradox",
    "samurai in feudal Japan", "romantic comedy in New York", "haunted house",
    "submarine in the second world war", "serial killer investigation", "boxing underdog",
    "dystopian society", "political conspiracy thriller", "lone gunslinger western",
    "mountain climbing disaster", "chess prodigy", "animals that talk",
)  # fmt: skip
MOODS = (
    "funny", "sad", "slow", "tense", "gentle", "dark", "warm", "violent", "quiet", "strange",
    "hopeful", "bitter", "epic", "small", "honest", "dreamy", "cold", "wild", "brave", "lonely",
)  # fmt: skip
EXTRAS = (
    "music", "winter", "brothers", "revenge", "dance", "letters", "rain", "doctors", "money",
    "horses", "painters", "twins", "trains", "bread", "ghosts", "maps", "kings", "dogs", "ice",
    "stars",
)  # fmt: skip

N_DISTINCT = len(THEMES) * len(MOODS) * len(EXTRAS)


def distinct_queries(n: int, *, offset: int = 0) -> list[str]:
    """`n` different texts of three to nine words, up to 7,200; another offset gives others."""
    return [_query(i) for i in range(offset, offset + n)]


def _query(i: int) -> str:
    theme = THEMES[i % len(THEMES)]
    mood = MOODS[i // len(THEMES) % len(MOODS)]
    extra = EXTRAS[i // (len(THEMES) * len(MOODS)) % len(EXTRAS)]
    return f"{mood} {theme} {extra}"
