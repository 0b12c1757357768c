"""catalog.toml: what is refused, with which words, and what is the default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from indexing.catalog.sources import IdType
from indexing.catalog.toml import read_catalog_config
from shortlist.bundle.experiment import Experiment, GuardLimits
from shortlist.bundle.profiles import NOTEBOOK_PROFILE, STANDARD_PROFILE
from shortlist.encoder.machine import Precision
from shortlist.errors import CatalogError

Films = Callable[..., Path]
Refused = Callable[..., str]


def test_a_missing_catalogue_names_its_path_and_the_option(
    tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "nowhere" / "catalog.toml"
    assert refused(path) == f"{path}: no such catalogue description; pass --catalog PATH"


def test_bad_toml_is_refused_with_line_and_column(films: Films, refused: Refused) -> None:
    path = films(('file = "movies.csv"', "file = movies.csv"))
    message = refused(path)
    assert message == f"{path}: cannot be read as TOML: Invalid value (at line 3, column 8)"


def test_toml_that_is_not_utf8_is_refused(films: Films, refused: Refused) -> None:
    path = films()
    path.write_bytes(b"# caf\xe9\n" + path.read_bytes())
    assert "cannot be read as TOML: 'utf-8' codec can't decode byte 0xe9" in refused(path)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (('name = "tiny"', 'name = "tiny"\nprofils = {}'), "'profils'; did you mean 'profiles'?"),
        (('title = "title"', 'titel = "title"'), "'items.titel'; did you mean 'title'?"),
        (
            ("none = ", "non = "),
            "'items.categories.non'; did you mean 'none'?",
        ),
        (
            ("pattern = ", "patern = "),
            "'items.attributes.year.patern'; did you mean 'pattern'?",
        ),
        (
            # An attribute may be called as a table is; the keys meant are still an attribute's.
            ("year = { column", "tags = { colunm"),
            "'items.attributes.tags.colunm'; did you mean 'column'?",
        ),
        (("template = ", "tempalte = "), "'document.tempalte'; did you mean 'template'?"),
        (("precision = ", "presicion = "), "'encoder.presicion'; did you mean 'precision'?"),
        (("scale = ", "scales = "), "'ratings.scales'; did you mean 'scale'?"),
        (
            ('name = "tiny"', 'name = "tiny"\nprofiles.mine = { wieghts = { similarity = 1 } }'),
            "'profiles.mine.wieghts'; did you mean 'weights'?",
        ),
        (
            ("tag = ", "qqq = "),
            "'tags.qqq'; known keys: currency, decimal, delimiter, encoding, file, item,"
            " null_values, query, quote, tag, thousands, url",
        ),
        (
            ("[document]", '[neighbours]\nmodle = "ease"\n[document]'),
            "'neighbours.modle'; did you mean 'model'?",
        ),
        (
            ("[document]", '[[gate.golden]]\nqquery = "a"\n[document]'),
            "'gate.golden.0.qquery'; did you mean 'query'?",
        ),
    ],
)
def test_an_unknown_key_is_refused_and_the_nearest_known_one_named(
    films: Films, refused: Refused, edit: tuple[str, str], said: str
) -> None:
    path = films(edit)
    assert f"{path}: unknown key {said}" in refused(path).splitlines()


def test_every_problem_is_told_at_once(films: Films, refused: Refused) -> None:
    path = films(('title = "title"', 'titel = "title"'))
    assert refused(path).splitlines() == [
        f"{path}: missing key 'items.title'",
        f"{path}: unknown key 'items.titel'; did you mean 'title'?",
    ]


def test_a_catalogue_cannot_say_where_it_lies(films: Films, refused: Refused) -> None:
    path = films(('name = "tiny"', 'name = "tiny"\nfolder = "/elsewhere"'))
    assert refused(path) == f"{path}: unknown key 'folder'; paths start at the file's own folder"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (('name = "tiny"', 'name = "Tiny Films"'), "name: String should match pattern"),
        (
            ("scale = [0.5, 5.0]", "scale = [5.0, 0.5]"),
            "expected 0 <= lowest < highest <= 1e+09, found",
        ),
        (
            ("scale = [0.5, 5.0]", "scale = [-1, 1]"),
            "expected 0 <= lowest < highest <= 1e+09, found",
        ),
        (
            ("scale = [0.5, 5.0]", "scale = [0, inf]"),
            "expected 0 <= lowest < highest <= 1e+09, found",
        ),
        (('precision = "f32"', 'precision = "f16"'), "encoder.precision: Input should be 'auto', "),
        (('type = "integer"', 'type = "date"'), "items.attributes.year.type: Input should be 'int"),
        (
            ("[document]", "[popularity]\nprior_quantile = 1.5\n[document]"),
            "popularity.prior_quantile: Input should be less than or equal to 1, found 1.5",
        ),
        (('separator = "|"', 'separator = ""'), "items.categories.separator: String should have"),
        (("scale = [0.5, 5.0]", "scale = [0, 1e308]"), "expected 0 <= lowest < highest <= 1e+09"),
        (
            ("[document]", "[neighbours]\nregularisation = 5e-324\n[document]"),
            "than or equal to 0.001",
        ),
        (
            ("[document]", "[neighbours]\nregularisation = 1e308\n[document]"),
            "to 1000000000, found",
        ),
        (("[document]", f'[index]\ntype = "{"(" * 20_000}"\n[document]'), "at most 100 characters"),
        (
            ("[document]", f'[index]\ntype = "{"(" * 90}"\n[document]'),
            "is none of auto, flat, Flat",
        ),
        (("[document]", '[index]\ntype = "HNSW999999999"\n[document]'), "'HNSW999999999' is none"),
        (("[document]", '[index]\ntype = "IVF4,PQ8x4fs"\n[document]'), "stand in no lists (IVF)"),
        (("[document]", '[index]\ntype = "HNSW1"\n[document]'), "'HNSW1' is none of auto, flat"),
        (("[document]", '[index]\ntype = "RR1048576,Flat"\n[document]'), "'RR1048576' is none of"),
        (
            (
                "[document]",
                '[events]\nurl = "sqlite:///e.db"\nweights = { impression = 1 }\n[document]',
            ),
            "'impression' is none of: like, purchase, rating, dislike, click, view",
        ),
        (("[document]", '[index]\ntype = "Flat,Flat,Flat,Flat,Flat,Flat"\n[document]'), "5 parts"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_value(
    films: Films, refused: Refused, edit: tuple[str, str], said: str
) -> None:
    assert said in refused(films(edit))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x = " + "[" * 20_000, "cannot be read as TOML: nested too deeply"),
        ("x = " + "9" * 5000, "cannot be read as TOML: Exceeds the limit"),
        ("x = 0x" + "f" * 900_000, "unknown key 'x'; known keys: "),
        ("default_profile = 0x" + "f" * 900_000, "found a whole number of 3600000 bits"),
        ("default_profile = [0x" + "f" * 90_000 + "]", "valid string, found list"),
        (".".join("a" * 5000) + " = 1", "unknown key 'a'; known keys: "),
        ("x" * 100_000 + " = 1", f"unknown key '{'x' * 60}…'; known keys: "),
        ("\n".join(f"x{n} = 1" for n in range(5000)), "4990 more problems"),
        ("#" * 1_000_000, "expected at most 1000000 bytes"),
    ],
    ids=lambda value: value[:12],
)
def test_a_description_out_of_proportion_is_refused_in_few_words(
    films: Films, refused: Refused, line: str, said: str
) -> None:
    path = films()
    path.write_text(f"{line}\n{path.read_text()}")
    message = refused(path)
    assert said in message
    assert len(message) <= 2000


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(\d{4})|(\d{2})", "expected exactly one (group), found 2"),
        (r"\d{4}", "expected exactly one (group), found 0"),
        (r"(\d{4}", "not a regular expression of RE2: missing ): (\\d{4}"),
    ],
)
def test_an_attribute_pattern_needs_exactly_one_group(
    films: Films, refused: Refused, pattern: str, said: str
) -> None:
    path = films(("'\\((\\d{4})\\)\\s*$'", f"'{pattern}'"))
    assert f"{path}: items.attributes.year.pattern: {said}, found {pattern!r}" == refused(path)


def profiles(text: str, *, default: str | None = None) -> tuple[str, str]:
    """The edit of catalog.toml that adds these profiles."""
    line = f'default_profile = "{default}"\n' if default else ""
    return 'name = "tiny"', f'name = "tiny"\n{line}{text}'


def test_an_unknown_default_profile_is_refused_with_the_known_ones(
    films: Films, refused: Refused
) -> None:
    path = films(profiles("profiles = { a = { weights = { similarity = 1 } } }", default="notebok"))
    assert (
        refused(path) == f"{path}: default_profile 'notebok' is none of: a, related, steered, taste"
    )


def test_a_catalogue_that_adds_a_profile_keeps_ours(films: Films) -> None:
    """What `tune` writes into a catalogue without [profiles] leaves it as good as it was."""
    config = read_catalog_config(films(profiles("profiles.tuned.weights = { similarity = 1 }")))
    ours = ["related", "taste", "steered", "standard", "notebook"]
    assert list(config.all_profiles) == [*ours, "tuned"]
    assert config.all_profiles[config.default_profile] == STANDARD_PROFILE


def test_a_catalogue_replaces_our_profiles_by_its_own(films: Films) -> None:
    own = "profiles.notebook.weights = { similarity = 1 }"
    config = read_catalog_config(films(profiles(own)))
    assert config.all_profiles["notebook"].weights == {"similarity": 1.0}


def test_a_catalogue_with_another_default_is_not_given_ours(films: Films) -> None:
    own = "profiles.mine = { weights = { similarity = 1 } }"
    config = read_catalog_config(films(profiles(own, default="mine")))
    assert list(config.all_profiles) == ["related", "taste", "steered", "mine"]


def test_an_unknown_feature_is_refused_with_the_known_ones(films: Films, refused: Refused) -> None:
    path = films(profiles("profiles.notebook = { weights = { similarty = 1 } }"))
    assert refused(path).startswith(
        f"{path}: profiles.notebook.weights: unknown feature 'similarty'; known: similarity,"
        " text_similarity, words, coverage, labels, collaborative, co_liked, popularity,"
        " expected_popularity, rating_volume, rating_percentile, recency, trending, title_match,"
        " title_prefix"
    )


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("{ similarity = 0, popularity = 0 }", "expected at least one weight above 0"),
        ("{}", "expected at least one weight above 0"),
        ("{ similarity = -1 }", "Input should be greater than or equal to 0"),
        ("{ similarity = 11 }", "Input should be less than or equal to 10"),
        ("{ similarity = nan }", "Input should be a finite number"),
    ],
)
def test_weights_are_0_to_10_and_not_all_0(
    films: Films, refused: Refused, weights: str, said: str
) -> None:
    path = films(profiles(f"profiles.notebook = {{ weights = {weights} }}"))
    assert said in refused(path)


@pytest.mark.parametrize("weights", ["{ popularity = 1 }", "{ popularity = 1, similarity = 0 }"])
def test_a_profile_of_popularity_alone_needs_ratings(
    films: Films, refused: Refused, weights: str
) -> None:
    path = films()
    path.write_text(
        'name = "unrated"\n[items]\nfile = "movies.csv"\nid = "movieId"\ntitle = "title"\n'
        f"[profiles]\nnotebook = {{ weights = {{ similarity = 1 }} }}\nhits.weights = {weights}\n"
    )
    assert refused(path) == (
        f"{path}: profiles.hits: weighs only what this catalogue or some query has not:"
        " popularity needs [ratings], recency [recency], collaborative and co_liked something"
        " liked; give similarity a weight above 0"
    )


def test_a_profile_of_popularity_alone_is_good_with_ratings(films: Films) -> None:
    path = films(profiles("profiles.hits = { weights = { popularity = 1 } }", default="hits"))
    assert read_catalog_config(path).profiles["hits"].weights == {"popularity": 1.0}


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text('name = "n"\n[items]\nfile = "f.csv"\nid = "i"\ntitle = "t"\n')
    config = read_catalog_config(path)
    assert config.folder == tmp_path
    assert config.items.id_type is IdType.AUTO
    assert (config.tags, config.ratings, config.document.template) == (None, None, None)
    assert config.popularity.prior_quantile == 0.9
    assert (config.encoder.model, config.encoder.precision) == ("all-MiniLM-L6-v2", Precision.AUTO)
    assert (config.encoder.query_prompt, config.encoder.document_prompt) == (None, None)
    assert config.index.type == "auto"
    assert (config.default_profile, config.profiles) == ("standard", {})
    assert config.all_profiles == {"standard": STANDARD_PROFILE, "notebook": NOTEBOOK_PROFILE}
    assert NOTEBOOK_PROFILE.weights == {"similarity": 0.7, "popularity": 0.3}


def test_a_byte_order_mark_is_no_error(films: Films) -> None:
    path = films()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_catalog_config(path).name == "tiny"


def test_a_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"cannot be read as TOML: .*Is a directory"):
        read_catalog_config(tmp_path)


@pytest.mark.parametrize("kind", ["HNSW48,SQ8", "IVF4096,PQ16x8", "OPQ16_64,IVF100,PQ16,RFlat"])
def test_index_types_of_the_usual_kinds_are_taken(films: Films, kind: str) -> None:
    path = films(("[document]", f'[index]\ntype = "{kind}"\n[document]'))
    assert read_catalog_config(path).index.type == kind


SECRET = "postgresql://shop:hunter2@db.example/shop"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[items]", f'source = "{SECRET}"\n[items]'),
        ("[items]", f'[[source]]\nurl = "{SECRET}"\n[items]'),
        ("[items]", f'[source]\n"{SECRET}" = 1\n[items]'),
        ('file = "movies.csv"', f'file = "{SECRET}"'),
        ('file = "movies.csv"', f'file = ["{SECRET}"]'),
        ('title = "title"', f'title = "title"\nid_type = "{SECRET}"'),
    ],
)
def test_no_message_shows_an_address_wherever_it_stands(
    films: Films, refused: Refused, old: str, new: str
) -> None:
    assert "hunter2" not in refused(films((old, new)))


@pytest.mark.parametrize("name", ["score", "popularity", "distance", "categories"])
def test_names_that_lists_are_ordered_or_counted_by_are_no_attributes(
    films: Films, refused: Refused, name: str
) -> None:
    line = f'{name} = {{ column = "title" }}'
    said = refused(films(("[items.attributes]", f"[items.attributes]\n{line}")))
    assert f"items.attributes.{name}: another name, please" in said


EXPERIMENT = """[experiment]
name = "fewer"
control = "standard"
candidate = "notebook"
"""


def test_an_experiment_is_read_with_its_defaults(films: Films) -> None:
    found = read_catalog_config(films(("[document]", f"{EXPERIMENT}[document]"))).experiment
    assert found == Experiment(name="fewer", control="standard", candidate="notebook")
    assert (found.kind, found.share) == ("interleaved", 0.5)
    assert found.guard == GuardLimits(no_results=0.02, errors=0.01, p99_ratio=1.5)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"notebook"', '"noteboook"', "experiment.candidate: expected one of: few, notebook"),
        ('control = "standard"', 'control = "notebook"', "expected two profiles, found one twice"),
        ('control = "standard"', 'control = "taste"', "expected the default_profile 'standard'"),
        ('"fewer"', '"A B"', "experiment.name"),
        ('"fewer"', '"fewer"\nshare = 1.0', "at most 0.9 where lists are interleaved"),
        ('"fewer"', '"fewer"\nshare = 0', "experiment.share"),
        ('"fewer"', '"fewer"\nkind = "both"', "experiment.kind"),
        ('"fewer"', '"fewer"\nhorizon = 1', "unknown key 'experiment.horizon'"),
        ("[experiment]", "[experiment.guard]\np99 = 2\n[experiment]", "did you mean 'p99_ratio'"),
        ('"notebook"', '"few"', "'few' ranks fewer candidates than the control (50)"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused(
    films: Films, refused: Refused, old: str, new: str, said: str
) -> None:
    assert old in EXPERIMENT
    few = "[profiles.few]\nn_candidates = 20\nweights = { similarity = 1 }\n"
    edited = EXPERIMENT.replace(old, new, 1) + few
    assert said in refused(films(("[document]", f"{edited}[document]")))
