"""The rehearsal org's schema as metadata, behind the Metadata and Tooling APIs: deploy, retrieve, list,
query.

    package     zip file and manifest, within limits
    components  files split into components, in deploy order
    checks      what Salesforce says against a component
    effects     what a component does to catalogue and rows
    registry    what has been deployed, kept in the store
    deploy      one deployment in one transaction
    retrieve    the way back: lists and zip files
    tooling     schema and setup as objects to query

What is deployed is kept and shown; validation and duplicate rules (`rules`) are enforced by the batch writer.
Layouts, tabs and rights other than field-level
security are not acted on. The HTTP and SOAP side is in `loaders.rehearsal.api.metadata` and
`loaders.rehearsal.api.tooling`.
"""
