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

CURRENT = "CURRENT"
JOURNAL = "JOURNAL"
BLOCKLIST = "BLOCKLIST"
LOCK = ".lock"
STAGING_PREFIX = ".staging-"

ATTRIBUTE_PREFIX = "attribute."
