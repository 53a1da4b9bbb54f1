"""`has IMAGE`: whether the engine holds it. `import IMAGE`: makes it of the tar on standard input."""

import sys

import docker
from docker.errors import ImageNotFound


def main(verb: str, image: str) -> int:
    client = docker.from_env(timeout=600)
    try:
        if verb == "import":
            name, tag = image.split(":")
            client.api.import_image_from_stream(sys.stdin.buffer, repository=name, tag=tag)
            return 0
        client.images.get(image)
    except ImageNotFound:
        return 1
    finally:
        client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
