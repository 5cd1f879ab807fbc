"""The lines of a batch's corpora: read once, checked, and parted into what a job asks for."""

from pathlib import Path

from proxylm.corpora import CorpusSplit, Labelled, read_corpus
from proxylm.errors import InputError
from proxylm.evaluation.contract import Job, TextPart
from proxylm.scripts import check_script


class Texts:
    """The corpora below a home folder that were read so far."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._corpora: dict[str, CorpusSplit] = {}

    def corpus(self, part: TextPart) -> CorpusSplit:
        """The lines of a part.

        InputError if they are not those that the key speaks of, or not in the languages' scripts.
        """
        if part.path not in self._corpora:
            read = read_corpus(self._home / part.path).split
            for lines in (read.train, read.test):
                check_script(lines.texts, part.source_lang, part.path)
                if part.target_lang != part.source_lang:
                    check_script(lines.labels, part.target_lang, part.path)
            self._corpora[part.path] = read
        corpus = self._corpora[part.path]
        if corpus.fingerprint != part.fingerprint:
            raise InputError(
                f"{part.path} has fingerprint {corpus.fingerprint[:12]}, the plan says "
                f"{part.fingerprint[:12]}: plan the evaluation again"
            )
        return corpus

    def training_lines(self, job: Job) -> tuple[Labelled, Labelled]:
        """The job's training lines and the dev lines."""
        if job.train is None or job.train_size is None:
            raise InputError(
                f"{job.model.model_id} of kind {job.model.kind} has to be trained; "
                f"mode {job.mode} without a training corpus is not possible"
            )
        corpus = self.corpus(job.train)
        if len(corpus.train) < job.train_size:
            raise InputError(
                f"{job.train.path} has {len(corpus.train)} training lines; "
                f"the job asks for {job.train_size}"
            )
        size = job.train_size
        if not size:
            raise InputError(f"{job.train.path} has no training lines")
        return Labelled(corpus.train.texts[:size], corpus.train.labels[:size]), corpus.dev

    def test_lines(self, part: TextPart, limit: int | None) -> Labelled:
        """The test lines of a part, at least one; the first `limit` of them if that is given.

        The lines are in the order of their hashes, so that the first ones are a random sample.
        """
        lines = self.corpus(part).test
        if not lines:
            raise InputError(f"{part.path} has no test lines")
        return Labelled(lines.texts[:limit], lines.labels[:limit])

    def labels(self, job: Job, part: TextPart) -> tuple[str, ...]:
        """The labels that a model may choose from: the training's, else the tested corpus's."""
        if job.train is not None:
            return label_set(job.task, self.training_lines(job)[0])
        split = self.corpus(part)
        texts = [lines for lines in (split.train, split.dev, split.test) if lines]
        return tuple(sorted({label for lines in texts for label in label_set(job.task, lines)}))


def label_set(task: str, lines: Labelled) -> tuple[str, ...]:
    """The intents or tags of the lines, sorted; none for mt."""
    if task == "mt":
        return ()
    if task == "slot":
        return tuple(sorted({tag for label in lines.labels for tag in label.split()}))
    return tuple(sorted(set(lines.labels)))
