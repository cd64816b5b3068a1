"""The rehearsal org's HTTP side: one module per API, all of them functions from a `Call` to an
`Answer`.

`app` receives requests, checks the session and picks the function; the org's rules are in
`loaders.rehearsal.org`.
"""
