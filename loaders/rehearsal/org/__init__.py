"""The rehearsal org itself: what it holds and what it enforces, without any network.

`catalogue` says which objects and fields there are, `store` keeps the records, `writer` is the only way to change them,
`state` ties them together. The HTTP side is in `loaders.rehearsal.api`.
"""
