"""The bundled sample keeps what its readers count on: real films, plausible synthetic ratings."""

import csv
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
GENRES = {
    *("Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "War", "Western", "(no genres listed)"),
}
HALF_STEPS = {f"{half / 2}" for half in range(1, 11)}  # "0.5", "1.0" ... "5.0"
Rows = list[dict[str, str]]


def read(name: str) -> Rows:
    with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def movies() -> Rows:
    return read("movies.csv")


@pytest.fixture(scope="module")
def ratings() -> Rows:
    return read("ratings.csv")


@pytest.fixture(scope="module")
def tags() -> Rows:
    return read("tags.csv")


@pytest.fixture(scope="module")
def n_ratings(movies: Rows, ratings: Rows) -> dict[str, int]:
    """Ratings per movieId, 0 for a film nobody rated."""
    counted = Counter(row["movieId"] for row in ratings)
    return {row["movieId"]: counted[row["movieId"]] for row in movies}


def year_of(movie: dict[str, str]) -> int:
    return int(movie["title"][-5:-1])


def run_script(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "make_ratings.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("movies.csv", b"movieId,title,genres,description\n"),
        ("ratings.csv", b"userId,movieId,rating,timestamp\n"),
        ("tags.csv", b"userId,movieId,tag,timestamp\n"),
        ("films_hints.csv", b"movieId,country,fame,acclaim\n"),
    ],
)
def test_each_table_has_its_header_and_unix_line_ends(name: str, header: bytes) -> None:
    data = (SAMPLE / name).read_bytes()
    assert data.startswith(header)
    assert data.endswith(b"\n")
    assert b"\r" not in data


def test_films_are_numbered_from_one_without_gaps(movies: Rows) -> None:
    assert len(movies) >= 640
    assert [row["movieId"] for row in movies] == [str(i + 1) for i in range(len(movies))]


def test_every_film_has_a_description_of_its_own(movies: Rows) -> None:
    texts = [row["description"] for row in movies]
    assert len(set(texts)) == len(movies)
    assert [text for text in texts if not 80 <= len(text) <= 220 or text != text.strip()] == []


def test_no_title_comes_twice(movies: Rows) -> None:
    assert [t for t, n in Counter(row["title"] for row in movies).items() if n > 1] == []


def test_every_title_ends_in_a_year_of_cinema(movies: Rows) -> None:
    assert [r for r in movies if not r["title"].endswith(f" ({year_of(r)})")] == []
    assert {year_of(row) for row in movies} <= set(range(1920, 2025))


def test_a_leading_article_stands_behind_the_title(movies: Rows) -> None:
    assert [r["title"] for r in movies if r["title"].startswith(("The ", "An "))] == []
    assert "Matrix, The (1999)" in {row["title"] for row in movies}


def test_genres_are_movielens_genres_each_once(movies: Rows) -> None:
    lists = [row["genres"].split("|") for row in movies]
    assert {genre for genres in lists for genre in genres} == GENRES
    assert [genres for genres in lists if len(set(genres)) != len(genres)] == []
    assert [g for g in lists if "(no genres listed)" in g and len(g) > 1] == []


@pytest.mark.parametrize("decade", range(1920, 2030, 10))
def test_every_decade_has_at_least_eight_films(movies: Rows, decade: int) -> None:
    assert sum(decade <= year_of(row) < decade + 10 for row in movies) >= 8


def test_films_come_from_many_countries(movies: Rows) -> None:
    hints = read("films_hints.csv")
    assert [row["movieId"] for row in hints] == [row["movieId"] for row in movies]
    expected = {
        "us",
        "gb",
        "fr",
        "it",
        "jp",
        "in",
        "kr",
        "cn",
        "hk",
        "tw",
        "ir",
        "de",
        "se",
        "dk",
        "ru",
        "mx",
        "br",
        "ar",
        "es",
        "pl",
        "au",
        "nz",
        "sn",
        "tr",
    }
    assert expected <= {row["country"] for row in hints}


def test_most_films_have_two_to_eight_tags(movies: Rows, tags: Rows) -> None:
    n_tags = Counter(row["movieId"] for row in tags)
    assert set(n_tags) <= {row["movieId"] for row in movies}
    assert set(n_tags.values()) <= set(range(2, 9))
    assert len(n_tags) >= 0.85 * len(movies)


def test_at_least_sixty_tags_are_shared_by_three_films_or_more(tags: Rows) -> None:
    films: dict[str, set[str]] = defaultdict(set)
    for row in tags:
        films[row["tag"]].add(row["movieId"])
    assert sum(len(ids) >= 3 for ids in films.values()) >= 60


def test_tags_are_lower_case_trimmed_and_once_per_film(tags: Rows) -> None:
    assert [r["tag"] for r in tags if r["tag"] != r["tag"].lower().strip() or not r["tag"]] == []
    assert max(Counter((row["movieId"], row["tag"]) for row in tags).values()) == 1


def test_tags_tell_what_a_film_is_about(movies: Rows, tags: Rows) -> None:
    film = next(row["movieId"] for row in movies if row["title"] == "WALL·E (2008)")
    told = {row["tag"] for row in tags if row["movieId"] == film}
    assert {"pixar", "robots", "a robot left alone on earth"} <= told


def test_taggers_are_users_who_rate(ratings: Rows, tags: Rows) -> None:
    assert {row["userId"] for row in tags} <= {row["userId"] for row in ratings}


def test_counts_of_ratings_and_users_are_as_promised(ratings: Rows) -> None:
    per_user = Counter(int(row["userId"]) for row in ratings)
    assert 40_000 <= len(ratings) <= 55_000
    assert 650 <= len(per_user) <= 700
    assert sorted(per_user) == list(range(1, len(per_user) + 1))
    assert min(per_user.values()) >= 20


def test_ratings_are_half_steps_of_known_films(movies: Rows, ratings: Rows) -> None:
    assert {row["movieId"] for row in ratings} <= {row["movieId"] for row in movies}
    assert {row["rating"] for row in ratings} == HALF_STEPS


def test_nobody_rates_a_film_twice(ratings: Rows) -> None:
    assert max(Counter((row["userId"], row["movieId"]) for row in ratings).values()) == 1


def test_each_users_ratings_follow_each_other_in_time(ratings: Rows) -> None:
    rows = [(int(row["userId"]), int(row["timestamp"])) for row in ratings]
    assert rows == sorted(set(rows))


def test_ratings_spread_over_2004_to_2024(ratings: Rows) -> None:
    years = {datetime.fromtimestamp(int(row["timestamp"]), UTC).year for row in ratings}
    assert years == set(range(2004, 2025))


@pytest.mark.parametrize("table", ["ratings.csv", "tags.csv"])
def test_no_film_is_rated_or_tagged_before_its_year(movies: Rows, table: str) -> None:
    made = {row["movieId"]: year_of(row) for row in movies}
    rows = [(datetime.fromtimestamp(int(r["timestamp"]), UTC).year, r) for r in read(table)]
    assert [row for year, row in rows if year < made[row["movieId"]]] == []


def test_the_top_tenth_of_films_holds_a_third_of_the_ratings(n_ratings: dict[str, int]) -> None:
    most_first = sorted(n_ratings.values(), reverse=True)
    top = sum(most_first[: len(most_first) // 10])
    assert top >= 0.35 * sum(most_first)
    assert most_first[0] >= 200


def test_some_films_are_cold_and_some_nearly(n_ratings: dict[str, int]) -> None:
    assert sum(n == 0 for n in n_ratings.values()) >= 15
    assert sum(1 <= n <= 5 for n in n_ratings.values()) >= 50


def test_most_cold_films_can_still_be_found_by_their_tags(
    n_ratings: dict[str, int], tags: Rows
) -> None:
    cold = {movie_id for movie_id, n in n_ratings.items() if n == 0}
    assert len(cold & {row["movieId"] for row in tags}) >= 15


def test_the_better_a_film_is_held_to_be_the_higher_it_is_rated(ratings: Rows) -> None:
    acclaim = {row["movieId"]: int(row["acclaim"]) for row in read("films_hints.csv")}
    stars: dict[str, list[float]] = defaultdict(list)
    for row in ratings:
        level = acclaim[row["movieId"]]
        stars["poor" if level <= 3 else "fair" if level <= 6 else str(level)].append(
            float(row["rating"])
        )
    mean = {level: sum(given) / len(given) for level, given in stars.items()}
    assert mean["poor"] < 2.5 < mean["fair"] < mean["7"] < mean["8"] < 4.0 < mean["9"]


@pytest.mark.parametrize(
    ("liked", "genre"),
    [
        ("My Neighbor Totoro (Tonari no Totoro) (1988)", "Animation"),
        ("Halloween (1978)", "Horror"),
        ("When Harry Met Sally... (1989)", "Romance"),
    ],
)
def test_films_rated_by_the_same_users_share_a_taste(
    movies: Rows, ratings: Rows, liked: str, genre: str
) -> None:
    """Of the ten nearest by cosine of their raters, six or more have the genre (chance: one)."""
    raters: dict[str, set[str]] = defaultdict(set)
    for row in ratings:
        raters[row["movieId"]].add(row["userId"])
    genres = {row["movieId"]: row["genres"].split("|") for row in movies}
    this = next(row["movieId"] for row in movies if row["title"] == liked)
    near = {
        other: len(users & raters[this]) / (len(users) * len(raters[this])) ** 0.5
        for other, users in raters.items()
        if other != this
    }
    nearest = sorted(near, key=lambda other: -near[other])[:10]
    assert sum(genre in genres[other] for other in nearest) >= 6


def test_the_script_makes_the_committed_ratings_byte_by_byte(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(SAMPLE, tmp_path / "sample"))
    (copy / "ratings.csv").unlink()
    assert run_script(copy).returncode == 0
    assert (copy / "ratings.csv").read_bytes() == (SAMPLE / "ratings.csv").read_bytes()


def test_check_accepts_the_committed_ratings() -> None:
    done = run_script(SAMPLE, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_refuses_one_changed_star_and_leaves_it(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(SAMPLE, tmp_path / "sample"))
    changed = (copy / "ratings.csv").read_bytes().replace(b",5.0,", b",4.5,", 1)
    (copy / "ratings.csv").write_bytes(changed)
    done = run_script(copy, "--check")
    assert done.returncode == 1
    assert "ratings.csv is not what make_ratings.py makes" in done.stderr
    assert (copy / "ratings.csv").read_bytes() == changed


def test_check_refuses_missing_ratings(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(SAMPLE, tmp_path / "sample"))
    (copy / "ratings.csv").unlink()
    assert run_script(copy, "--check").returncode == 1
    assert not (copy / "ratings.csv").exists()


@pytest.mark.parametrize("tag", ["miyazaki", "hitchcock", "scorsese", "kurosawa", "kore-eda"])
def test_who_likes_one_film_of_a_director_likes_the_others_more_than_chance(
    ratings: Rows, tags: Rows, tag: str
) -> None:
    films = sorted({row["movieId"] for row in tags if row["tag"] == tag})
    liked: dict[str, set[str]] = defaultdict(set)
    for row in ratings:
        if float(row["rating"]) >= 4:
            liked[row["movieId"]].add(row["userId"])
    n_users = len({row["userId"] for row in ratings})
    pairs = [(liked[one], liked[other]) for one in films for other in films if one < other]
    together = sum(len(one & other) for one, other in pairs)
    by_chance = sum(len(one) * len(other) / n_users for one, other in pairs)
    assert together > 1.5 * by_chance
