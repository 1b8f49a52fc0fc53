"""The texts of ``bigbench-sentences``: English written by people, in tasks of BIG-bench (Srivastava et al. 2022).

The source distribution is read once from front to back; nothing of it is unpacked or run. A task is here by name, with
the fields that hold its text, or it is left out for one of the reasons of ``LEFT_OUT``.
"""

from __future__ import annotations

import json
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.datasets.base import DatasetError
from bench.datasets.builders import squad
from bench.progress import watched

LONGEST = 1_000  # characters: longer pieces are lists and tables without an end mark
_ROOT = "bigbench-1.0.0/bigbench/benchmark_tasks/"


@dataclass(frozen=True)
class Task:
    """Where a file of a task has its text.

    Attributes
    ----------
    fields : tuple of str
        Names of the fields whose strings (or lists of strings) are taken, at any depth.
    rows : tuple of int, optional
        First example and the one behind the last, where others are in another language.
    """

    fields: tuple[str, ...] = ("input", "target")
    rows: tuple[int, int] | None = None


_INPUT, _TARGET = Task(("input",)), Task(("target",))
# Passages of one collection repeat in its tasks of asking, answering and judging: those that add sentences are here.
_INSTRUCTIONS = (
    "001_quoref_question_generation",
    "003_mctaco_question_generation_event_duration",
    "006_mctaco_question_generation_transient_stationary",
    "009_mctaco_question_generation_event_ordering",
    "012_mctaco_question_generation_absolute_timepoint",
    "015_mctaco_question_generation_frequency",
    "018_mctaco_temporal_reasoning_presence",
    "022_cosmosqa_passage_inappropriate_binary",
    "023_cosmosqa_question_generation",
    "024_cosmosqa_answer_generation",
    "025_cosmosqa_incorrect_answer_generation",
    "026_drop_question_generation",
    "037_qasc_generate_related_fact",
    "038_qasc_combined_fact",
    "040_qasc_question_generation",
    "045_miscellaneous_sentence_paraphrasing",
    "046_miscellaenous_question_typing",
    "048_multirc_question_generation",
    "050_multirc_answerability",
    "051_multirc_correct_answer_single_sentence",
    "059_ropes_story_generation",
    "060_ropes_question_generation",
)
TASKS = {
    "abstract_narrative_understanding/4_distractors/task.json": _INPUT,
    "authorship_verification/non_swapped/task.json": _INPUT,
    "authorship_verification/swapped/task.json": _INPUT,
    "bridging_anaphora_resolution_barqa/task.json": _INPUT,
    "causal_judgment/task.json": _INPUT,
    "context_definition_alignment/CoDA-clean-easy.json": Task(("definition", "contexts")),
    "context_definition_alignment/CoDA-clean-hard.json": Task(("definition", "contexts")),
    "coqa_conversational_question_answering/coqa.test.json": Task(("story", "input_text")),
    "discourse_marker_prediction/task.json": _INPUT,
    "disfl_qa/task.json": _INPUT,
    "fact_checker/fever/task.json": _INPUT,
    "fact_checker/politifact/task.json": _INPUT,
    "gem/asset/task.json": Task(),
    "gem/common_gen/task.json": _TARGET,
    "gem/e2e_nlg/task.json": _TARGET,
    "gem/schema_guided_dialog/task.json": _TARGET,
    "gem/turk/task.json": Task(),
    "gem/webnlg_en/task.json": _TARGET,
    "gem/wikilingua_en/task.json": Task(),
    "gem/xsum/task.json": Task(),
    "minute_mysteries_qa/freetext/task.json": Task(),
    "movie_dialog_same_or_different/task.json": _INPUT,
    **{f"natural_instructions/subtask{name}/task.json": Task() for name in _INSTRUCTIONS},
    "paragraph_segmentation/task.json": Task(("input",), rows=(1_000, 2_000)),
    "play_dialog_same_or_different/task.json": _INPUT,
    "question_selection/task.json": _INPUT,
    "social_iqa/task.json": _INPUT,
    **{member.removeprefix(_ROOT): Task(("context",)) for member in squad.MEMBERS},
    "strategyqa/task.json": Task(),
    "topical_chat/task.json": Task(),
    "understanding_fables/task.json": _INPUT,
    "vitaminc_fact_verification/task.json": _INPUT,
}
LEFT_OUT = {
    "pictures and drawings in characters": "cifar10_classification, mnist_ascii, ascii_word_recognition, kanji_ascii",
    "geometry, arithmetic and units": "intersect_geometry, arithmetic, elementary_math_qa, unit_conversion",
    "code, formal languages and queries": "auto_debugging, dyck_languages, semantic_parsing_spider, cs_algorithms",
    "games, grids and puzzles of symbols": "chess_state_tracking, abstraction_and_reasoning_corpus, sudoku, cryptonite",
    "other languages, invented too": "hindi_question_answering, parsinlu_qa, language_identification, gem/mlsum_de, "
    "linguistics_puzzles",
    "translated by machines": "multiemo",
    "written by a language model": "real_or_fake_text",
    "filled-in templates": "hyperbaton, bbq_lite, formal_fallacies_syllogisms_negation, tracking_shuffled_objects, "
    "subject_verb_agreement, contextual_parametric_knowledge_conflicts (names exchanged), winowhy",
    "sentences with a blank or a mask": "winogrande (natural_instructions/subtask029 to 035), timedial",
    "lists of choices, titles and word pairs": "natural_instructions/subtask042 to 044, goal_step_wikihow, qa_wikidata",
    "markup": "which_wiki_edit",
    "the same passages again": "other natural_instructions, minute_mysteries_qa/multiplechoice",
    "little text, or files of another format": "hhh_alignment, truthful_qa, com2sense, factuality_of_summary and more",
}

# What is between pieces of text: line ends, the question about a conversation (movie_dialog_same_or_different), who
# speaks, numbers of sentences, and labels of a prompt. A sentence would not be equal to itself under another label.
_SPEAKER = r"""["']?\s*\bagent_[AB]: "?"""
_LABEL = (
    r"\b(?:(?:Background )?(?:Passage|Paragraph|Story|Context)|Question|Sentence ?\d?|Claim|(?:Correct |Short )?Answer|"
    r"Answer type|Fact ?\d?|Combined fact|Topic(?: word)?|[Cc]ontext|Q|A|"
    r"(?:On [\w ]+, )?the following claim was made)\s*: ?"
)
_BETWEEN = re.compile(rf"\n| ----- .*|In the preceding dialogue, .*|{_SPEAKER}|\bParagraph- |\s*Sent \d+: |{_LABEL}")
_NO_LETTER = re.compile(r"[\W_]+")


def sentences(text: str) -> Iterator[str]:
    """Sentences of a text as ``squad-sentences`` has them, of one line, without labels of a prompt."""
    for piece in _BETWEEN.split(text):
        for start, stop in squad.sentence_spans(piece):
            sentence = " ".join(piece[start:stop].split())
            if squad.LONGER_THAN < len(sentence) <= LONGEST:
                yield sentence


def key(sentence: str) -> str:
    """What is equal for one sentence in other case, white space or punctuation: its letters and digits."""
    return _NO_LETTER.sub("", sentence.casefold())


def texts(content: Any, task: Task) -> Iterator[str]:
    """The strings in a task's fields, in their order; ``content`` is its file's JSON."""
    if task.rows is not None:
        content = content["examples"][slice(*task.rows)]
    yield from _strings(content, task.fields, False)


def _strings(node: Any, fields: tuple[str, ...], wanted: bool) -> Iterator[str]:
    if isinstance(node, str) and wanted:
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _strings(item, fields, wanted)
    elif isinstance(node, dict):
        for name, item in node.items():
            yield from _strings(item, fields, name in fields)


def read_archive(archive: Path) -> Iterator[str]:
    """The text of every task, in the order of the BIG-bench sdist; one file of it is in memory at a time."""
    missing = set(TASKS)
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in watched(tar, "reading tasks", unit="file"):
                name = member.name.removeprefix(_ROOT)
                if name in missing and (file := tar.extractfile(member)) is not None:
                    missing.remove(name)
                    yield from texts(json.load(file), TASKS[name])
        if missing:
            raise KeyError(min(missing))
    except (tarfile.TarError, zlib.error, EOFError, KeyError, TypeError, ValueError, OSError) as error:
        raise DatasetError(
            f"{archive} is not the sdist bigbench-1.0.0.tar.gz ({error}); delete it and build again"
        ) from None
