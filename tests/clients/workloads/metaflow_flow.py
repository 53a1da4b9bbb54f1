"""A flow of Metaflow: a foreach of jobs, and a join that is a job, too."""

from metaflow import FlowSpec, Parameter, batch, current, environment, retry, step

# Metaflow hands on its own settings, but not these. The image has what it would install.
OF_JOBS = {"METAFLOW_S3_WORKER_COUNT": "4", "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1"}


class SquaresFlow(FlowSpec):
    """Squares of the first numbers, and their sum."""

    count = Parameter("count", default=3)

    @step
    def start(self):
        self.numbers = list(range(self.count))
        self.next(self.square, foreach="numbers")

    @batch(cpu=1, memory=512)
    @environment(vars=OF_JOBS)
    @retry(times=1, minutes_between_retries=0)
    @step
    def square(self):
        print(f"square of {self.input}")
        # Metaflow tries again by another job.
        if self.input == 1 and current.retry_count == 0:
            raise ValueError("not at the first go")
        self.result = self.input**2
        self.next(self.join)

    @batch(cpu=1, memory=512)
    @environment(vars=OF_JOBS)
    @step
    def join(self, inputs):
        self.total = sum(each.result for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        print(f"total: {self.total}")


if __name__ == "__main__":
    SquaresFlow()
