/// The table.
let allRows: [Row] = [
    .largeUpload, .smallUploads, .memory, .download, .relayRate, .relayOrLocks, .relayDelay, .indexer,
    .consistencyCheck,
    .manyKeys, .presigning, .metadata, .deepPages, .search, .digestAndStart,
]
