"""What a browser shows: one front end, with its data fetched from a server or embedded in a file.

    reading ─► facts ─┬─► server    `expt view`: starlette, the loopback interface, a token
                      └─► frozen    `expt report`: one file, opened from disk with no network
    assets/*.js, *.css ─► bundle ─► both

Nothing of a user's is imported or executed, and nothing is fetched from anywhere: charts are drawn
by plotly's script from the installed package.
"""
