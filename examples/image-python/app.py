import os


def handler(event, context):
    name = event.get("name") or "world"
    print(f"greeting {name} in {context.function_name}")
    return {"message": f"{os.environ.get('GREETING', 'Hello')}, {name}, from an image!"}
