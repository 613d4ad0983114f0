"""What `/metrics` says, read by Prometheus's own client."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """One answer of `/metrics`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[str, Metric] = {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels."""
        return sum(value for found, value in self._samples(name) if labels.items() <= found.items())

    def labels(self, name: str) -> list[dict[str, str]]:
        return [found for found, _ in self._samples(name)]

    @property
    def names(self) -> set[str]:
        """Each metric by its name in queries: counters with `_total`."""
        return {line.split()[2] for line in self.text.splitlines() if line.startswith("# TYPE ")}

    def _samples(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        for family in self.families.values():
            yield from ((sample.labels, sample.value) for sample in family.samples if sample.name == name)
