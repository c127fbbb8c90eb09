import time

time.sleep(11)


def handler(event, context):
    return "begun"
