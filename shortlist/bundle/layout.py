"""Names of the files in a bundle and of the files beside the bundles."""

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
VECTORS = "vectors.npy"
INDEX = "index.faiss"
ID_MAP = "id_map.arrow"
ITEMS = "items.arrow"
DOCUMENTS = "documents.parquet"
POPULARITY = "popularity.parquet"
ENCODER = "encoder"

SEGMENTS = "segments"
ROWS = "rows"
WORD_RANKS = "word_ranks"
HASHES, CONTENTS = "documents.npy", "contents.npy"
"""In a segment: the hash of each entry's document, and of all that its indexes have of it."""

FILTERS, FILTER_ROWS = "filters.arrow", "filter_rows.npy"
"""In a segment whose index is a collection elsewhere: the item columns that the collection was
given, and the row there of every entry."""

SOURCE = "source"
SETTINGS = "catalog.json"
PROBES = "probes.npy"
"""Query vectors that the recall of a version is measured with, where an index is approximate."""

PROBED = "probed.npy"
"""The rows that are truly nearest to each of them."""

CURRENT = "CURRENT"
JOURNAL = "JOURNAL"
BLOCKLIST = "BLOCKLIST"
COLLECTIONS = "collections"
"""Beside the versions: what they own in an engine that holds their indexes."""

LOCK = ".lock"
STAGING_PREFIX = ".staging-"

ATTRIBUTE_PREFIX = "attribute."
