"""Compiles and runs answers in the sandbox, and says what became of each."""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import re
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor

import sandbox
from sandbox import MIB

PASSED, FAILED, TIMEOUT, NOT_COMPILED = VERDICTS = [
    "passed", "failed", "timeout", "not compiled"]
TOOLS = {"haskell": ["ghc"], "ocaml": ["ocamlc", "ocamlrun"], "scala": ["scalac", "java"]}
PACKAGES = {"haskell": "ghc", "ocaml": "ocaml", "scala": "scala"}
SECONDS = 10
SCALA_BATCH = 60  # answers that are compiled at a time: a start of scalac is slow
SCALA_SECONDS = 300  # for such a batch
SCALA_LIBRARY = "/usr/share/java/scala-library.jar"


def missing(languages):
    """Yields what has to be installed, as a line for each tool."""
    if not shutil.which("bwrap"):
        yield "bwrap is not installed (Debian: apt-get install bubblewrap)"
    for language in languages:
        for tool in TOOLS[language]:
            if not shutil.which(tool):
                yield (f"{tool} is not installed, which {language} needs "
                       f"(Debian: apt-get install {PACKAGES[language]})")


def with_word(files):
    """Returns a word and the files with this word in place of PASSED."""
    word = secrets.token_hex(8)
    return word, {name: text if "problem" in name.lower() else text.replace("PASSED", word)
                  for name, text in files.items()}


def verdict(result, word):
    lines = result.output.splitlines()
    if "compiled" not in lines:
        return NOT_COMPILED
    if result.timeout:
        return TIMEOUT
    return PASSED if result.status == 0 and word in lines else FAILED


def haskell(files):
    """Interpreted, which starts at once and checks the same types."""
    word, files = with_word(files)
    with sandbox.folder_for(files) as folder:
        return verdict(sandbox.run(
            "cp /work/* . && ghc -w -e main Main.hs +RTS -M512m", folder,
            seconds=SECONDS, memory=4096 * MIB), word)


def ocaml(files):
    word, files = with_word(files)
    with sandbox.folder_for(files) as folder:
        return verdict(sandbox.run(
            "cp /work/* . && ocamlc -w -a problem.ml main.ml -o main && echo compiled && "
            "ocamlrun main", folder, seconds=SECONDS, memory=1024 * MIB), word)


def compile_scala(folder, numbers):
    """Compiles answers until no file has an error: those of files that have some are out.
    Returns the numbers of the others."""
    left = list(numbers)
    while left:
        paths = " ".join(f"/work/p{n}/*.scala" for n in left)
        result = sandbox.run(
            f"JAVA_OPTS='-Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1' "
            f"scalac -nowarn -d /work/classes {paths}",
            folder, seconds=SCALA_SECONDS, memory=16384 * MIB, writable=True)
        if result.status == 0:
            return left
        wrong = {int(n) for n in re.findall(r"^/work/p(\d+)/\w+\.scala:\d+: error:",
                                            result.output, re.MULTILINE)}
        if not wrong:  # The compiler itself has failed; whose fault it is, halves tell.
            if len(left) == 1:
                return []
            middle = len(left) // 2
            return (compile_scala(folder, left[:middle])
                    + compile_scala(folder, left[middle:]))
        left = [n for n in left if n not in wrong]
    return []


def scala(batch, threads):
    words, batch = zip(*map(with_word, batch))
    texts = {f"p{number}/{name}": text.replace("PACKAGE", f"p{number}", 1)
             for number, files in enumerate(batch) for name, text in files.items()}
    with sandbox.folder_for(texts) as folder:
        os.mkdir(f"{folder}/classes")
        os.chmod(f"{folder}/classes", 0o777)
        compiled = set(compile_scala(folder, range(len(batch))))

        def run(number):
            if number not in compiled:
                return NOT_COMPILED
            return verdict(sandbox.run(
                f"echo compiled && java -Xmx256m -Xss4m -XX:+UseSerialGC "
                f"-XX:TieredStopAtLevel=1 -cp /work/classes:{SCALA_LIBRARY} "
                f"p{number}.Main", folder, seconds=SECONDS, memory=16384 * MIB), words[number])
        yield from threads.map(run, range(len(batch)))


def verdicts(language, programs, jobs):
    """Yields the verdict of each program, its files by name, in order."""
    with ThreadPoolExecutor(jobs) as threads:
        if language == "scala":
            for start in range(0, len(programs), SCALA_BATCH):
                yield from scala(programs[start:start + SCALA_BATCH], threads)
        else:
            yield from threads.map({"haskell": haskell, "ocaml": ocaml}[language], programs)
