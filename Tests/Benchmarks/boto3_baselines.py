"""What boto3 needs for the same work. Prints seconds and how many.

boto3_baselines.py list ENDPOINT BUCKET          every object of the bucket, by the paginator of list_objects_v2
boto3_baselines.py presign ENDPOINT BUCKET N     N URLs for a PUT
The key is in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

import sys
import time

import boto3
import botocore.config


def list_objects(client, bucket):
    return sum(len(page.get("Contents", [])) for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket))


def presign(client, bucket, count):
    for number in range(count):
        parameters = {"Bucket": bucket, "Key": f"bench/2026/01/{number}", "ContentLength": 4096}
        client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=1800)
    return count


def main():
    task, endpoint, bucket = sys.argv[1:4]
    configuration = botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=configuration)
    client.head_bucket(Bucket=bucket)  # the connection, and what is made at the first call
    begin = time.monotonic()
    count = list_objects(client, bucket) if task == "list" else presign(client, bucket, int(sys.argv[4]))
    print(time.monotonic() - begin, count)


main()
