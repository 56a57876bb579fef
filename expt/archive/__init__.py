"""What a run leaves: the folder and its files, each format written and read in one module.

    record         run.json                  headline       what a listing takes from it
    manifest       manifest.json             lines          files of lines, and what is wrong there
    json_files     the small JSON files        series_lines   names, entries, results
    params_toml    params.toml                 scalar_records scalars.bin
    artifacts      what archive.save makes     entry_files    tracked pictures and arrays
    array_files    .npy, .npz, pictures      snapshot       environment and code, as they are taken
    owner          who writes it             writer         all of a run's files but its series

Nothing of the user's is imported, executed or unpickled, and nothing outside an archive is opened.
"""
