"""Write the sample's ratings.csv: synthetic users with tastes, rating real films.

The ratings are invented; no person gave them. The model, in the order of the code:

1. A *taste* likes some genres, countries, tags and years. Its affinity to a film is the sum of
   those likes, standardised over the films, plus a quirk that no genre or tag explains (so that
   ratings hold something the texts do not).
2. A user mixes one main taste with a little of all others, and has favourites: directors, series
   of films and subjects (tags that several films carry), drawn as often as the films that belong
   to them are liked and known. A film that belongs to a favourite is liked so much more.
3. A user picks films by fame and affinity (Gumbel top-k, which is weighted sampling without
   replacement), in one to six sittings between 2004 and 2024. A title carries a year and no day,
   so a film can be picked from the first of January after that year. Fame 0 means: never picked.
4. A rating is the film's acclaim, a little of its fame, the affinity, the user's bias and noise,
   on half stars.

Inputs beside this file: movies.csv, tags.csv (movieId and tag only) and films_hints.csv, which
holds per film a country (ISO 3166, lower case; today's successor state for one that is gone), fame
(0..9, how many have seen it) and acclaim (0..9, how good it is held to be). Both are rough
judgements by hand.

Only uniform and normal draws are used, seeded per user, so that one more user does not change
the others.
"""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOLDER = Path(__file__).resolve().parent
SEED = 20240229
N_USERS = 680
MIN_RATINGS_PER_USER = 20
MAX_RATINGS_PER_USER = 400
FIRST_YEAR, LAST_YEAR = 2004, 2024
DAY_S = 86_400

FAME_PULL = 0.62
AFFINITY_PULL = 1.15
TAG_WEIGHT = 0.6
QUIRK_SD = 0.45
MEAN_STARS = 2.87
STARS_PER_ACCLAIM = 0.36
TYPICAL_ACCLAIM = 7.3
STARS_PER_FAME = 0.06
TYPICAL_FAME = 4.0
STARS_PER_AFFINITY = 0.46
LEAST_FILMS_OF_A_SUBJECT = 4
FAVOURITE_AFFINITY_PULL = 2.0
FAVOURITE_FAME_PULL = 0.25
USER_BIAS_SD = 0.36
NOISE_SD = 0.55
WHOLE_STAR_SHARE = 0.2

EUROPE = "at ba be cz de dk es fi fr gr hu ie it nl no pl pt ro rs ru se"
EAST_ASIA = "cn hk id jp kr sg th tw vn"
SOUTH = "af ar br cl co cu eg il in ir lb ml mr mx sn tr uy za"


@dataclass(frozen=True)
class Taste:
    """What one group of users likes; a weight below zero is a dislike."""

    name: str
    share: float
    genres: Mapping[str, float] = field(default_factory=dict)
    countries: str = ""
    country_weight: float = 0.0
    tags: str = ""
    years: tuple[int, int] = (1920, 2024)
    year_weight: float = 0.0
    fame_pull: float = FAME_PULL


@dataclass(frozen=True)
class Favourites:
    """A kind of what people hold dear: how many each user has, and how much that adds to affinity.

    What there is of the kind is named by the tags that films of it carry, or how their titles
    begin (alternatives parted by "/"); None for every tag that enough films carry.
    """

    each: int
    affinity: float
    tags: str | None = ""
    titles: str = ""


@dataclass(frozen=True)
class Film:
    """One row of movies.csv with its hints and tags."""

    movie_id: int
    title: str
    year: int
    genres: frozenset[str]
    country: str
    fame: int
    acclaim: int
    tags: frozenset[str]


@dataclass(frozen=True)
class World:
    """The films as arrays, one column per film.

    `affinity` has one row per taste, and `favourites` for each kind one per favourite: 1 where the
    film belongs to it.
    """

    films: tuple[Film, ...]
    years: Ints
    fame: Floats
    quality: Floats
    affinity: Floats
    favourites: tuple[Floats, ...]


TASTES = (
    Taste(
        "science fiction",
        share=0.13,
        genres={"Sci-Fi": 1.5, "Action": 0.4, "Adventure": 0.4, "Romance": -0.4, "Musical": -0.5},
        tags="space,cyberpunk,artificial intelligence,time travel,dystopia,aliens,space opera,"
        "robots,time loop,first contact,simulated reality,post-apocalyptic,mars,philip k. dick",
        years=(1968, 2024),
        year_weight=0.4,
    ),
    Taste(
        "blockbusters",
        share=0.14,
        genres={"Action": 1.0, "Adventure": 0.8, "IMAX": 0.7, "Sci-Fi": 0.3, "Drama": -0.4},
        tags="superhero,comic book,marvel,car chase,spy,james bond,spielberg,nolan,tom cruise,"
        "martial arts,gotham,fighter pilots,lone hero,treasure hunt",
        years=(1980, 2024),
        year_weight=0.7,
    ),
    Taste(
        "art house",
        share=0.08,
        genres={"Drama": 0.6, "Action": -0.7, "Children": -0.6, "Comedy": -0.2},
        countries=EUROPE,
        country_weight=0.8,
        tags="slow cinema,bergman,tarkovsky,minimalism,surreal,kieslowski,michael haneke,bresson,"
        "french new wave,godard,antonioni,fellini,bunuel,ambiguous,bela tarr,fassbinder,memory",
        years=(1955, 2024),
        year_weight=0.2,
        fame_pull=0.36,
    ),
    Taste(
        "family animation",
        share=0.09,
        genres={"Children": 1.2, "Animation": 1.0, "Musical": 0.4, "Horror": -1.2, "Crime": -0.6},
        tags="disney,pixar,talking animals,fairy tale,toys come alive,stop motion,feel-good,"
        "christmas,magic,family,dog",
    ),
    Taste(
        "anime",
        share=0.06,
        genres={"Animation": 0.9, "Fantasy": 0.4, "Western": -0.6, "Film-Noir": -0.4},
        countries="jp",
        country_weight=0.7,
        tags="anime,studio ghibli,miyazaki,satoshi kon,makoto shinkai,mamoru hosoda,cyberpunk,"
        "kaiju,gentle",
        years=(1979, 2024),
        year_weight=0.4,
        fame_pull=0.55,
    ),
    Taste(
        "horror",
        share=0.08,
        genres={"Horror": 1.8, "Mystery": 0.3, "Thriller": 0.4, "Musical": -0.7, "Children": -0.7},
        tags="slasher,zombies,vampire,ghost,body horror,folk horror,monster,haunted house,gore,"
        "j-horror,psychological horror,found footage,john carpenter,cronenberg,witch,stephen king",
    ),
    Taste(
        "romance and comedy",
        share=0.11,
        genres={"Romance": 1.1, "Comedy": 0.7, "Musical": 0.4, "Horror": -1.0, "War": -0.5},
        tags="romantic comedy,wedding,jane austen,first love,bittersweet,screwball comedy,"
        "high school,feel-good,restrained love,tearjerker,audrey hepburn,forbidden love",
        years=(1934, 2024),
        year_weight=0.2,
    ),
    Taste(
        "classics",
        share=0.07,
        genres={"Film-Noir": 0.5, "Western": 0.3, "IMAX": -0.6, "Animation": -0.3},
        tags="silent film,hitchcock,billy wilder,film noir,chaplin,buster keaton,lubitsch,"
        "cary grant,humphrey bogart,john ford,expressionism,powell and pressburger,david lean",
        years=(1920, 1966),
        year_weight=1.9,
        fame_pull=0.42,
    ),
    Taste(
        "crime and noir",
        share=0.10,
        genres={"Crime": 1.2, "Film-Noir": 0.8, "Thriller": 0.6, "Mystery": 0.4, "Children": -0.9},
        tags="gangster,heist,neo-noir,detective,hitman,mafia,serial killer,scorsese,tarantino,"
        "undercover,con artist,coen brothers,twist ending,david fincher,corrupt cop,revenge",
    ),
    Taste(
        "east asian cinema",
        share=0.05,
        genres={"Children": -0.3, "Musical": -0.3},
        countries=EAST_ASIA,
        country_weight=1.9,
        tags="wuxia,martial arts,yakuza,samurai,korean cinema,chinese cinema,kurosawa,ozu,kore-eda,"
        "wong kar-wai,park chan-wook,bong joon-ho,hou hsiao-hsien,zhang yimou,heroic bloodshed",
        fame_pull=0.42,
    ),
    Taste(
        "world cinema",
        share=0.04,
        genres={"Drama": 0.5, "Action": -0.3},
        countries=SOUTH,
        country_weight=2.0,
        tags="bollywood,african cinema,satyajit ray,kiarostami,asghar farhadi,neorealism,poverty,"
        "village,jafar panahi,nuri bilge ceylan,lucrecia martel,street children,colonialism",
        fame_pull=0.38,
    ),
    Taste(
        "cult comedy",
        share=0.09,
        genres={"Comedy": 1.3, "War": -0.3, "Romance": -0.2},
        tags="parody,satire,dark comedy,cult film,absurd humour,mockumentary,so bad it's good,"
        "monty python,mel brooks,coen brothers,bill murray,midnight movie,slackers,deadpan",
        years=(1964, 2024),
        year_weight=0.4,
    ),
    Taste(
        "history and true stories",
        share=0.08,
        genres={"War": 1.0, "Drama": 0.6, "Documentary": 0.8, "Horror": -0.6, "Sci-Fi": -0.4},
        tags="based on a true story,biopic,courtroom,epic,world war ii,holocaust,journalism,"
        "anti-war,vietnam war,world war i,politics,racism,political thriller,sports",
    ),
)

DIRECTORS = Favourites(
    each=4,
    affinity=1.0,
    tags="spielberg,kurosawa,hitchcock,scorsese,miyazaki,bergman,kubrick,nolan,tim burton,kore-eda,"
    "clint eastwood,billy wilder,tarantino,satyajit ray,wes anderson,tarkovsky,park chan-wook,"
    "david lynch,denis villeneuve,wong kar-wai,bunuel,coen brothers,ang lee,james cameron,"
    "richard linklater,almodovar,zhang yimou,robert altman,ridley scott,bong joon-ho,"
    "michael haneke,peter jackson,paul thomas anderson,david fincher,hou hsiao-hsien,bresson,"
    "guillermo del toro,chaplin,cronenberg,darren aronofsky,sergio leone,lars von trier,"
    "kiarostami,mamoru hosoda,lee chang-dong,werner herzog,wim wenders,sam raimi,verhoeven,"
    "yorgos lanthimos,jia zhangke,cuaron,truffaut,john carpenter,dreyer,nuri bilge ceylan,ozu,"
    "asghar farhadi,coppola,powell and pressburger,polanski,kiyoshi kurosawa,kieslowski,"
    "david lean,terry gilliam,fellini,danny boyle,satoshi kon,woody allen,godard,"
    "apichatpong weerasethakul,taika waititi,milos forman,zvyagintsev,jacques tati,jeunet,"
    "antonioni,john woo,lucrecia martel,dario argento,george lucas,king hu,ousmane sembene,"
    "lubitsch,bela tarr,terrence malick,orson welles,soderbergh,takeshi kitano,makoto shinkai,"
    "buster keaton,fassbinder,oliver stone,mel brooks,melville,john ford,tsai ming-liang,"
    "jim jarmusch,jane campion,jafar panahi,greta gerwig,imamura,agnes varda,mizoguchi,"
    "edgar wright,inarritu,alain resnais,wajda,fritz lang,michael mann,mike leigh,spike lee",
)
SERIES = Favourites(
    each=2,
    affinity=1.6,
    tags="apu trilogy,james bond,marvel,monty python,hannibal lecter",
    titles="Toy Story,Star Wars/Rogue One,Godfather,Indiana Jones/Raiders of the Lost,"
    "Lord of the Rings,Harry Potter,Mad Max,Alien (/Aliens,Terminator,Spider-Man,Kill Bill,"
    "Before Sun/Before Midnight,Paddington,Dune,Blade Runner,Evil Dead,Bourne,Star Trek,Top Gun,"
    "Batman/Dark Knight,X-Men/Logan (/Deadpool,Fistful of Dollars/For a Few Dollars,"
    "Night of the Living/Dawn of the Dead,Frankenstein/Bride of Frankenstein,Planet of the Apes/"
    "Rise of the Planet,Three Colors,Godzilla,Avengers/Iron Man (",
)
SUBJECTS = Favourites(each=5, affinity=0.5, tags=None)
KINDS = (DIRECTORS, SERIES, SUBJECTS)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_films(folder: Path) -> tuple[Film, ...]:
    """The films of movies.csv in its order; KeyError when one has no row in films_hints.csv."""
    hints = {row["movieId"]: row for row in read_rows(folder / "films_hints.csv")}
    tags: dict[str, set[str]] = {}
    for row in read_rows(folder / "tags.csv"):
        tags.setdefault(row["movieId"], set()).add(row["tag"])
    return tuple(
        Film(
            movie_id=int(row["movieId"]),
            title=row["title"],
            year=int(row["title"][-5:-1]),
            genres=frozenset(row["genres"].split("|")),
            country=hints[row["movieId"]]["country"],
            fame=int(hints[row["movieId"]]["fame"]),
            acclaim=int(hints[row["movieId"]]["acclaim"]),
            tags=frozenset(tags.get(row["movieId"], ())),
        )
        for row in read_rows(folder / "movies.csv")
    )


def liking(taste: Taste, film: Film) -> float:
    """How much the taste likes what is known of the film; 0 when nothing matches."""
    by_genre = sum(weight for genre, weight in taste.genres.items() if genre in film.genres)
    by_tag = TAG_WEIGHT * len(film.tags.intersection(taste.tags.split(",")))
    by_country = taste.country_weight * (film.country in taste.countries.split())
    by_year = taste.year_weight * (taste.years[0] <= film.year <= taste.years[1])
    return by_genre + by_tag + by_country + by_year


def affinities(films: tuple[Film, ...], rng: np.random.Generator) -> Floats:
    """Per taste and film: standardised liking plus quirk, (tastes, films)."""
    raw = np.array([[liking(taste, film) for film in films] for taste in TASTES])
    centred = raw - raw.mean(axis=1, keepdims=True)
    standard: Floats = centred / centred.std(axis=1, keepdims=True)
    return standard + rng.normal(0.0, QUIRK_SD, size=raw.shape)


def belonging(kind: Favourites, films: tuple[Film, ...]) -> Floats:
    """Per favourite of a kind and film: 1 where the film belongs to it, (favourites, films)."""
    if kind.tags is None:
        counts = Counter(tag for film in films for tag in film.tags)
        tags = sorted(tag for tag, n in counts.items() if n >= LEAST_FILMS_OF_A_SUBJECT)
    else:
        tags = kind.tags.split(",")
    by_tag = [[tag in film.tags for film in films] for tag in tags]
    by_title = [
        [film.title.startswith(tuple(begins.split("/"))) for film in films]
        for begins in kind.titles.split(",")
        if begins
    ]
    return np.array(by_tag + by_title, dtype=np.float64)


def build_world(films: tuple[Film, ...]) -> World:
    rng = np.random.default_rng([SEED, 0])
    acclaim = np.array([film.acclaim for film in films], dtype=np.float64)
    fame = np.array([film.fame for film in films], dtype=np.float64)
    by_acclaim = STARS_PER_ACCLAIM * (acclaim - TYPICAL_ACCLAIM)
    return World(
        films=films,
        years=np.array([film.year for film in films], dtype=np.int64),
        fame=fame,
        quality=by_acclaim + STARS_PER_FAME * (fame - TYPICAL_FAME),
        affinity=affinities(films, rng),
        favourites=tuple(belonging(kind, films) for kind in KINDS),
    )


def draw_mix(rng: np.random.Generator) -> Floats:
    """A user's weight per taste, summing to 1: one main taste with 0.65 to 0.95 of it."""
    shares = np.array([taste.share for taste in TASTES])
    main = int(np.searchsorted(np.cumsum(shares / shares.sum()), rng.random()))
    others = -np.log1p(-rng.random(len(TASTES)))
    main_weight = 0.65 + 0.30 * rng.random()
    mix: Floats = (1.0 - main_weight) * others / others.sum()
    mix[main] += main_weight
    return mix


def draw_favourites(affinity: Floats, world: World, rng: np.random.Generator) -> Floats:
    """What a user's favourites add to the affinity of each film.

    They are drawn (Gumbel top-k) by the mean affinity and fame of the films that belong to them.
    """
    added = np.zeros(len(world.films))
    known = FAVOURITE_AFFINITY_PULL * affinity + FAVOURITE_FAME_PULL * world.fame
    for kind, favourites in zip(KINDS, world.favourites, strict=True):
        pull = favourites @ known / favourites.sum(axis=1)
        gumbel = -np.log(-np.log1p(-rng.random(len(favourites))))
        drawn = np.argsort(-(pull + gumbel), kind="stable")[: kind.each]
        added += kind.affinity * favourites[drawn].max(axis=0)
    return added


def draw_n_ratings(rng: np.random.Generator) -> int:
    extra = int(np.exp(rng.normal(3.62, 0.85)))
    return min(MIN_RATINGS_PER_USER + extra, MAX_RATINGS_PER_USER)


def draw_sittings(n_ratings: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Start (seconds since 1970) and size of each sitting, in order of time and days apart.

    The first is the longest, as it is when people join a service that asks for ratings.
    """
    n_sittings = 1 + int(rng.random() * min(6, n_ratings // 10))
    sizes = np.full(n_sittings, n_ratings // (n_sittings + 1))
    sizes[0] += n_ratings - sizes.sum()
    first = datetime(FIRST_YEAR, 1, 10, tzinfo=UTC).timestamp()
    last = datetime(LAST_YEAR, 12, 20, tzinfo=UTC).timestamp()
    joined = first + rng.random() * (last - 400 * DAY_S - first)
    gaps = 2 * DAY_S - 150 * DAY_S * np.log1p(-rng.random(n_sittings))
    starts = joined + np.cumsum(gaps) - gaps[0]
    late = max(1.0, (starts[-1] - joined) / (last - joined))
    starts = joined + (starts - joined) / late
    return [(int(start), int(size)) for start, size in zip(starts, sizes, strict=True)]


def pick_films(pull: Floats, allowed: npt.NDArray[np.bool_], size: int) -> Ints:
    """Columns of the `size` strongest allowed pulls, strongest first; fewer if fewer allowed."""
    ranked = np.argsort(np.where(allowed, -pull, np.inf), kind="stable")
    return ranked[: min(size, int(allowed.sum()))]


def give_stars(expected: Floats, rng: np.random.Generator) -> Floats:
    """Expected stars plus noise, rounded to half stars, or to whole ones for some users."""
    step = 1.0 if rng.random() < WHOLE_STAR_SHARE else 0.5
    noisy = expected + rng.normal(0.0, NOISE_SD, size=expected.shape)
    stars: Floats = np.clip(np.round(noisy / step) * step, step, 5.0)
    return stars


def rate_as_user(user_id: int, world: World) -> Iterator[tuple[int, int, float, int]]:
    """The user's rows (userId, movieId, rating, timestamp), timestamps strictly increasing."""
    rng = np.random.default_rng([SEED, user_id])
    mix = draw_mix(rng)
    affinity = mix @ world.affinity
    affinity += draw_favourites(affinity, world, rng)
    fame_pull = float(mix @ np.array([taste.fame_pull for taste in TASTES]))
    gumbel = -np.log(-np.log1p(-rng.random(len(world.films))))
    pull = fame_pull * world.fame + AFFINITY_PULL * affinity + gumbel
    bias = rng.normal(0.0, USER_BIAS_SD)
    expected = MEAN_STARS + world.quality + STARS_PER_AFFINITY * affinity + bias
    stars = give_stars(expected, rng)
    unseen = world.fame > 0
    for start, size in draw_sittings(draw_n_ratings(rng), rng):
        released = world.years < datetime.fromtimestamp(start, UTC).year
        picked = pick_films(pull, unseen & released, size)
        unseen[picked] = False
        times = start + np.cumsum(4 + (60 * rng.random(len(picked)) ** 2).astype(np.int64))
        for film, time in zip(picked, times, strict=True):
            yield user_id, world.films[film].movie_id, float(stars[film]), int(time)


def ratings_csv(world: World) -> bytes:
    """The whole of ratings.csv, ordered by user and then by time."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["userId", "movieId", "rating", "timestamp"])
    for user_id in range(1, N_USERS + 1):
        writer.writerows(rate_as_user(user_id, world))
    return text.getvalue().encode()


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if ratings.csv would change.")
def main(check: bool) -> None:
    """Write ratings.csv beside this script from movies.csv, tags.csv and films_hints.csv."""
    path = FOLDER / "ratings.csv"
    made = ratings_csv(build_world(read_films(FOLDER)))
    if not check:
        path.write_bytes(made)
        click.echo(f"wrote {path.name}: {len(made.splitlines()) - 1} ratings")
    elif not path.is_file() or path.read_bytes() != made:
        click.echo(f"{path.name} is not what {Path(__file__).name} makes; run it again", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
