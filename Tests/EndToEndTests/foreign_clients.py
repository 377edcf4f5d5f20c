#!/usr/bin/env python3
"""Shows what Waybill left in its bucket and on its topics, as clients see it that nobody here wrote.

    foreign_clients.py --endpoint URL --bucket B --access-key K --secret-key S --brokers HOST:PORT --topic T...

Prints one JSON object: `objects` as boto3 sees the bucket, `events` as confluent-kafka reads the topics and the
cloudevents package understands them. What is no CloudEvent in Kafka's binary mode ends it with an exception.
"""
import argparse
import hashlib
import json

import boto3
from botocore.client import Config
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Consumer, KafkaError, TopicPartition


def bucket_view(options):
    s3 = boto3.client(
        "s3", endpoint_url=options.endpoint, region_name="us-east-1", aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key, config=Config(s3={"addressing_style": "path"}))
    objects = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=options.bucket):
        for listed in page.get("Contents", []):
            if listed["Key"].startswith(".waybill/"):  # the deployment's marker
                continue
            found = s3.get_object(Bucket=options.bucket, Key=listed["Key"])
            body = found["Body"].read()
            assert listed["Size"] == found["ContentLength"] == len(body), listed["Key"]
            objects.append({
                "key": listed["Key"], "size": len(body), "sha256": hashlib.sha256(body).hexdigest(),
                "content_type": found["ContentType"], "metadata": found["Metadata"]})
    return objects


def event(message):
    headers = dict(message.headers())
    assert len(headers) == len(message.headers()), "a header is there twice"
    seen = from_binary(KafkaMessage(headers, message.key(), message.value()), JSONFormat())
    return {
        "topic": message.topic(), "partition": message.partition(), "offset": message.offset(),
        "key": message.key().decode(), "id": seen.get_id(), "source": seen.get_source(), "type": seen.get_type(),
        "specversion": seen.get_specversion(), "subject": seen.get_subject(), "time": seen.get_time().isoformat(),
        "datacontenttype": seen.get_datacontenttype(), "data": seen.get_data()}


def topic_view(options):
    consumer = Consumer({
        "bootstrap.servers": options.brokers, "group.id": "foreign", "enable.auto.commit": False,
        "enable.partition.eof": True, "fetch.wait.max.ms": 10})
    known = consumer.list_topics(timeout=20).topics
    unread = {(topic, partition) for topic in options.topic for partition in known[topic].partitions}
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in sorted(unread)])
    events = []
    while unread:
        message = consumer.poll(20)
        assert message is not None, f"nothing came from {unread}"
        if message.error() is None:
            events.append(event(message))
        elif message.error().code() == KafkaError._PARTITION_EOF:
            unread.discard((message.topic(), message.partition()))
        else:
            raise RuntimeError(message.error())
    consumer.close()
    return events


def main():
    parser = argparse.ArgumentParser()
    for name in ("--endpoint", "--bucket", "--access-key", "--secret-key", "--brokers"):
        parser.add_argument(name, required=True)
    parser.add_argument("--topic", action="append", required=True)
    options = parser.parse_args()
    print(json.dumps({"objects": bucket_view(options), "events": topic_view(options)}))


main()
