#!/usr/bin/env python3
"""Measures how often compiled programs write small functions that pass their tests.

    evaluate.py [NAME=]PROGRAM... [--languages LIST] [--samples N]

Each PROGRAM, which fpmoe-compile made, completes the prompts of all problems, greedily and
in drawn samples. The answers are compiled and run in a sandbox. The report has pass@1 of the
greedy answers and pass@10 of the drawn ones, with 95% confidence intervals by the bootstrap
over problems, and the difference of every program to the first one.

All answers and verdicts are kept in the folder of --results, and none of them is made
again: a run that was ended goes on there, and one with more samples adds to it.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import judge
from languages import LANGUAGES
from problems import all_problems
from scores import interval, pass_at

GREEDY = 0  # the number of the greedy answer; samples count from 1
K = 10


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def reason(error):
    """Why something is not what was written."""
    return f"has no {error}" if isinstance(error, KeyError) else error


class Lines(dict):
    """A file of JSON lines that only grows, by a key of each, and with a value in each. Half
    a line, which an end has left, is cut."""

    def __init__(self, path, key, value):
        self.path, self.key = path, key
        if not path.exists():
            return
        text = path.read_bytes()
        whole = text[:text.rfind(b"\n") + 1]
        for number, written in enumerate(whole.splitlines(), 1):
            try:
                line = json.loads(written)
                line[value]
                self[key(line)] = line
            except (ValueError, KeyError, TypeError) as error:
                fail(f"{path}:{number}: is damaged: {reason(error)}; without this line, "
                     "what it said is made again")
        if whole != text:
            path.write_bytes(whole)

    def append(self, line):
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self[self.key(line)] = line


def key_of(answer):
    """Of a task, too. With the prompt, so that a problem that has changed is a new one."""
    return tuple(answer[name] for name in ("language", "sample", "problem", "prompt"))


def task_of(language, problem, sample):
    return {"language": language.name, "sample": sample, "problem": problem.name,
            "prompt": language.prompt(problem)}


class Run:
    """What one program has answered, and what became of it."""

    def __init__(self, name, program, options):
        self.name, self.program, self.options = name, program, options
        self.folder = options.results / name
        self.check_settings()
        self.answers = Lines(self.folder / "completions.jsonl", key_of, "completion")
        self.verdicts = Lines(self.folder / "verdicts.jsonl", lambda line: line["files"],
                              "verdict")

    def check_settings(self):
        """Answers that were made otherwise are not mixed with others."""
        if not os.path.isfile(self.program) or not os.access(self.program, os.X_OK):
            fail(f"{self.program}: is no program")
        self.folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with open(self.program, "rb") as file:
            while block := file.read(2 ** 20):
                digest.update(block)
        settings = {"program": digest.hexdigest()}
        settings.update({name: getattr(self.options, name)
                         for name in ("tokens", "temperature", "top_p", "seed")})
        path = self.folder / "settings.json"
        if not path.exists():
            path.write_text(json.dumps(settings, indent=1) + "\n")
        try:
            kept = json.loads(path.read_text())
            kept = {name: kept[name] for name in settings}
        except (ValueError, KeyError, TypeError) as error:
            fail(f"{path}: is damaged: {reason(error)}; another NAME= or --results starts "
                 "anew")
        for name, value in kept.items():
            if settings[name] != value:
                fail(f"{path}: {name} is {value}, this run has {settings[name]}; "
                     f"another NAME= or --results starts anew")

    def complete(self, language, problems, sample):
        """Asks for an answer to each problem, as far as there is none."""
        tasks = [task_of(language, problem, sample) for problem in problems]
        tasks = [task for task in tasks if key_of(task) not in self.answers]
        if not tasks:
            return
        options = self.options
        command = [self.program, "generate", "-n", str(options.tokens), "--sequences",
                   str(options.sequences), "--threads", str(options.threads)]
        for stop in language.stops:
            command += ["--stop", stop]
        if sample == GREEDY:
            command += ["--temperature", "0"]
        else:
            # A seed of its own for each text, whatever else is asked for at the same time.
            # The program adds a line's number.
            place = [p.name for p in all_problems()].index(tasks[0]["problem"])
            seed = options.seed + 1000 * (len(LANGUAGES) * sample
                                          + list(LANGUAGES).index(language.name)) + place
            command += ["--temperature", str(options.temperature), "--top-p",
                        str(options.top_p), "--top-k", "0", "--seed", str(seed)]
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as prompts:
            prompts.write("".join(json.dumps(task) + "\n" for task in tasks))
            prompts.flush()
            with subprocess.Popen([*command, "--prompts", prompts.name],
                                  stdout=subprocess.PIPE, text=True) as process:
                for done, line in enumerate(process.stdout, 1):
                    self.answers.append(json.loads(line))
                    self.say(language, sample, f"{done} of {len(tasks)} answers")
        if process.returncode:
            fail(f"{self.program} ended with status {process.returncode}")

    def judge(self, language, problems, sample):
        """Compiles and runs the answers, each program once: equal ones have one verdict."""
        programs = {}
        for problem in problems:
            files = self.files(language, problem, sample)
            if digest_of(files) not in self.verdicts:
                programs[digest_of(files)] = files
        results = judge.verdicts(language.name, list(programs.values()), self.options.jobs)
        for done, (digest, verdict) in enumerate(zip(programs, results), 1):
            self.verdicts.append({"files": digest, "verdict": verdict})
            self.say(language, sample, f"{done} of {len(programs)} verdicts")

    def files(self, language, problem, sample):
        answer = self.answers[key_of(task_of(language, problem, sample))]
        return language.files(problem, language.cut(problem, answer["completion"]))

    def say(self, language, sample, what):
        kind = "greedy" if sample == GREEDY else f"sample {sample}"
        print(f"{self.name}, {language.name}, {kind}: {what}", file=sys.stderr)

    def results(self, language, problems, samples):
        """The verdicts of each problem, by number of the sample."""
        return [[self.verdicts[digest_of(self.files(language, problem, sample))]["verdict"]
                 for sample in range(samples + 1)] for problem in problems]


def digest_of(files):
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def measures(results, samples):
    """{measure: a value for each problem}."""
    greedy = [verdicts[GREEDY] for verdicts in results]
    found = {"compiles": [float(v != judge.NOT_COMPILED) for v in greedy],
             "pass@1": [float(v == judge.PASSED) for v in greedy]}
    if samples >= K:
        found[f"pass@{K}"] = [pass_at(K, samples, verdicts[1:].count(judge.PASSED))
                              for verdicts in results]
    return found


def report(runs, languages, problems, samples):
    """What report.json holds: for each language and program the measures, each a mean and
    the ends of its interval, and their differences to those of the first program."""
    found = {}
    for language in languages:
        values = {}
        found[language.name] = {}
        for run in runs:
            results = run.results(language, problems, samples)
            values[run.name] = measures(results, samples)
            entry = {name: interval(v) for name, v in values[run.name].items()}
            if run is not runs[0]:
                entry["difference"] = {
                    name: interval([a - b for a, b in zip(v, values[runs[0].name][name])])
                    for name, v in values[run.name].items()}
            entry["verdicts"] = {problem.name: verdicts
                                 for problem, verdicts in zip(problems, results)}
            found[language.name][run.name] = entry
    return {"problems": len(problems), "samples": samples, "languages": found}


def markdown(found):
    """The report as tables: shares in percent, and their intervals in brackets."""
    def cell(values, sign=""):
        average, low, high = (100 * v for v in values)
        return f"{average:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"

    def row(*cells):
        return "| " + " | ".join(cells) + " |"
    by_language = found["languages"]
    names = [name for name in ("compiles", "pass@1", f"pass@{K}")
             if name in next(iter(next(iter(by_language.values())).values()))]
    yield f"{found['problems']} problems in each language; percent."
    yield ""
    yield row("", "", *names)
    yield "|---|---|" + "---:|" * len(names)
    for language, entries in by_language.items():
        for program, entry in entries.items():
            yield row(language, program, *(cell(entry[name]) for name in names))
    first, *others = next(iter(by_language.values()))
    if not others:
        return
    yield ""
    yield f"Differences to {first}, in points:"
    yield ""
    yield row("", "", *names)
    yield "|---|---|" + "---:|" * len(names)
    for language, entries in by_language.items():
        for program in others:
            difference = entries[program]["difference"]
            yield row(language, program, *(cell(difference[name], "+") for name in names))


def named(argument):
    """NAME=PROGRAM, or a program whose file name is its name."""
    name, equals, program = argument.rpartition("=")
    name = name or Path(program).name
    if "/" in name or name in (".", ".."):
        raise argparse.ArgumentTypeError(f"{name}: is no name of a folder")
    return name, program if "/" in program else f"./{program}"


def language_list(argument):
    names = argument.split(",")
    for name in names:
        if name not in LANGUAGES:
            raise argparse.ArgumentTypeError(f"{name}: is none of {', '.join(LANGUAGES)}")
    return [LANGUAGES[name] for name in names]


def problem_list(argument):
    problems = all_problems()
    if argument.isdigit() and int(argument) > 0:
        return problems[:int(argument)]
    names = argument.split(",")
    for name in names:
        if name not in [problem.name for problem in problems]:
            raise argparse.ArgumentTypeError(f"{name}: there is no such problem")
    return [problem for problem in problems if problem.name in names]


def at_least(least):
    def number(argument):
        if not argument.isdigit() or int(argument) < least:
            raise argparse.ArgumentTypeError(f"{argument}: is no integer from {least} on")
        return int(argument)
    return number


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=named, nargs="+", metavar="[NAME=]PROGRAM")
    parser.add_argument("--languages", type=language_list, metavar="LIST",
                        default=list(LANGUAGES.values()), help="(default: all three)")
    parser.add_argument("--problems", type=problem_list, metavar="N|LIST",
                        default=all_problems(), help="the first N, or names (default: all)")
    parser.add_argument("--samples", type=at_least(0), default=0, metavar="N",
                        help=f"answers to draw; from {K} on there is pass@{K} (default: 0)")
    parser.add_argument("--tokens", type=at_least(1), default=256,
                        help="of an answer, at most (default: %(default)s)")
    parser.add_argument("--temperature", type=float, default=0.6,
                        help="of samples (default: %(default)s)")
    parser.add_argument("--top-p", type=float, default=0.95,
                        help="of samples (default: %(default)s)")
    parser.add_argument("--seed", type=at_least(0), default=1)
    parser.add_argument("--sequences", type=at_least(1), default=8,
                        help="texts that a program makes at a time (default: %(default)s)")
    cores = os.cpu_count()
    parser.add_argument("--threads", type=at_least(1), default=cores, metavar="N",
                        help="of a program (default: the processors)")
    parser.add_argument("--jobs", type=at_least(1), default=cores, metavar="N",
                        help="answers to test at a time (default: the processors)")
    parser.add_argument("--results", type=Path, metavar="FOLDER",
                        default=Path.home() / ".cache/fpmoe-0.5b/results",
                        help="of answers, verdicts and reports (default: %(default)s)")
    options = parser.parse_args()
    names = [name for name, _ in options.programs]
    if len(set(names)) < len(names):
        parser.error("two programs have the same name; NAME=PROGRAM gives another one")
    return options


def main():
    options = parse()
    lacks = list(judge.missing([language.name for language in options.languages]))
    if lacks:
        fail("\nerror: ".join(lacks))
    problems = options.problems
    runs = [Run(name, program, options) for name, program in options.programs]
    for sample in range(options.samples + 1):
        for language in options.languages:
            for run in runs:
                run.complete(language, problems, sample)
                run.judge(language, problems, sample)
    found = report(runs, options.languages, problems, options.samples)
    (options.results / "report.json").write_text(json.dumps(found, indent=1) + "\n")
    text = "\n".join(markdown(found)) + "\n"
    (options.results / "report.md").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
