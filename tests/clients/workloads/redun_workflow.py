"""A workflow of redun: an array of jobs, a job that takes what they gave, and a script."""

from redun import File, task

redun_namespace = "workload"


@task(executor="batch")
def square(number: int) -> int:
    print(f"square of {number}")
    return number * number


@task(executor="batch")
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task(executor="batch", script=True)
def count_words(file: File) -> str:
    return f"""
    {file.stage("words").render_stage()} >&2
    echo counting >&2
    wc -w <words
    """


@task(executor="batch")
def fail(number: int) -> int:
    print("about to fail")
    raise ValueError(f"no such number: {number}")


@task
def main(bucket: str, count: int = 4) -> list[object]:
    words = File(f"s3://{bucket}/redun/words.txt")
    words.write("one two three")
    return [total([square(number) for number in range(count)]), count_words(words)]
