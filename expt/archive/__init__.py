"""What a run leaves: the folder and its files, each format written and read in one module.

    writer      all of a run's files but its series        claiming, owner, scratch
    record      run.json                                   headline, what a listing takes from it
    json_files  environment, plots, analyses               params_toml, params.toml
    series_lines, scalar_records, entry_files              series/, with lines and array_files
    artifacts   artifacts/, with artifact_names, table_files and returned
    snapshot    environment and code as they are taken     git, what a repository knows
    kept_inputs files that a run was given
    checkpoints, states                                    what a run goes on from
    run_labels  tags and note of later                     manifest, packing: whole, and in a zip

    cache_files, search_facts, served_page                 what lies beside archives, or in them

Nothing of the user's is imported, executed or unpickled, and nothing outside an archive is opened.
"""
