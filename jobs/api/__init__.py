"""The AWS-compatible API: a door beside the pages, for the AWS CLI, boto3 and what is built on them.

`asgi` takes a request from the web server, `door` answers it: which service and operation it is for (`routing`,
`catalogue`, `protocols`), who asks (`signing`), whether it has the form that botocore's model of the service
documents (`shapes`). What the operation then does is in `batch`, `logs` and their like: thin functions over
the same services and selectors that pages and form posts use.
"""
