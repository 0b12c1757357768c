"""The reference notebook's steps, timed: python -m benchmarks.notebook FOLDER.

A plain implementation of its own: pandas, sentence-transformers, scikit-learn's cosine over
the whole corpus, pandas for ranking. Prints one line of JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()

import pandas as pd
from sentence_transformers import SentenceTransformer
from sklearn.metrics.pairwise import cosine_similarity

from benchmarks.queries import distinct_queries
from indexing.models import resolve_model

IMPORTED = time.perf_counter()
N_QUERIES = 60


def fused(folder: Path) -> pd.DataFrame:
    """Movies with their fused text."""
    movies = pd.read_csv(folder / "movies.csv")
    tags = pd.read_csv(folder / "tags.csv")
    joined = tags.groupby("movieId")["tag"].apply(lambda x: " ".join(x.astype(str)))
    content = movies.merge(joined.reset_index(), on="movieId", how="left")
    content["tag"] = content["tag"].fillna("")
    content["combined"] = content["title"] + " " + content["genres"] + " " + content["tag"]
    return content


def popularity(folder: Path) -> tuple[pd.DataFrame, float]:
    """Weighted rating of each rated movie, and C."""
    ratings = pd.read_csv(folder / "ratings.csv")
    stats = ratings.groupby("movieId").agg({"rating": ["mean", "count"]})
    stats.columns = pd.Index(["avg_rating", "rating_count"])
    c, m = stats["avg_rating"].mean(), stats["rating_count"].quantile(0.9)
    stats["popularity_score"] = stats.apply(
        lambda x: (
            x["rating_count"] / (x["rating_count"] + m) * x["avg_rating"]
            + m / (m + x["rating_count"]) * c
        ),
        axis=1,
    )
    return stats, c


def main(folder: Path) -> dict[str, float]:
    """Run every step once, the query many times; seconds, milliseconds and megabytes."""
    model = SentenceTransformer(str(resolve_model("all-MiniLM-L6-v2").folder), device="cpu")
    loaded = time.perf_counter()
    content = fused(folder)
    texts = content["combined"].tolist()
    encoding = time.perf_counter()
    embeddings = model.encode(texts, show_progress_bar=False)
    encoded = time.perf_counter()
    stats, c = popularity(folder)
    ready = time.perf_counter()

    def answer(query: str) -> pd.DataFrame:
        vector = model.encode([query], show_progress_bar=False)
        similarities = cosine_similarity(vector, embeddings).flatten()
        best = similarities.argsort()[-50:][::-1]
        candidates = content.iloc[best].copy()
        candidates["retrieval_score"] = similarities[best]
        ranked = candidates.merge(stats[["popularity_score"]], on="movieId", how="left")
        ranked["popularity_score"] = ranked["popularity_score"].fillna(c)
        ranked["final_score"] = (
            ranked["retrieval_score"] * 0.7 + (ranked["popularity_score"] / 5.0) * 0.3
        )
        top: pd.DataFrame = ranked.sort_values("final_score", ascending=False).head(10)
        return top

    times_ms = []
    for query in distinct_queries(N_QUERIES):
        before = time.perf_counter()
        answer(query)
        times_ms.append((time.perf_counter() - before) * 1e3)
    return {
        "import_s": IMPORTED - STARTED,
        "model_s": loaded - IMPORTED,
        "encode_s": encoded - encoding,
        "ready_s": ready - STARTED,
        "query_p50_ms": sorted(times_ms)[len(times_ms) // 2],
        "queries_per_s": 1e3 / sorted(times_ms)[len(times_ms) // 2],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
