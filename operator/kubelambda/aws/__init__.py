"""Thin clients of SQS, S3, DynamoDB streams, Kinesis and SNS, for triggers and destinations.

Contract: signing and shapes only; retries and settlement are the callers'. Empty until the first
trigger needs it.
"""
