"""Programs that are split, on several ranks that one implementation of MPI starts.

What they write is what the program writes that is not split. Whatever is wrong is
told once, by one rank, and ends all of them: wrong uses, ranks that do not go
together, ranks that die or hang.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("implementation", choices=["openmpi", "mpich"])
parser.add_argument("library")
parser.add_argument("programs", help="folder of the fake programs")
arguments = parser.parse_args()

# MPI looks for files in a terminal's session of its own.
environment = dict(os.environ, HWLOC_COMPONENTS="-gl,-opencl")
# Seconds in which all has to be over, also on a busy machine.
LIMIT = 120
checks = failures = 0


def program(name):
    return os.path.join(arguments.programs, name)


def mpirun(*contexts):
    """The command that starts programs: (ranks, command) each."""
    command = ["mpirun." + arguments.implementation]
    if arguments.implementation == "openmpi":
        command += ["--oversubscribe"] + ["--allow-run-as-root"] * (os.getuid() == 0)
    for i, (ranks, words) in enumerate(contexts):
        command += [":"] * (i > 0) + ["-n", str(ranks)] + words
    return command


def start(*contexts, **options):
    return subprocess.Popen(mpirun(*contexts), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=environment, text=True, start_new_session=True, **options)


def run(*contexts, given="", wait=LIMIT):
    process = start(*contexts, stdin=subprocess.PIPE)
    try:
        out, err = process.communicate(given, wait)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += f"\nit did not end in {wait} s"
    return process.returncode, out, err


def check(what, isRight, *seen):
    global checks, failures
    checks += 1
    if not isRight:
        failures += 1
        print(f"FAIL: {what}:", *seen, flush=True)


def part(name):
    global checks
    if checks:
        print(f"{part.name}: all {checks} as they should be", flush=True)
    part.name, checks = name, 0


def with_mpi(words):
    return words[:1] + ["--mpi=" + arguments.library] + words[1:]


def alone(words, given=""):
    return subprocess.run([program("fake-program")] + words, input=given, text=True,
                          capture_output=True).stdout


def errors(text):
    return [line for line in text.splitlines() if line.startswith("error: ")]


def fails(what, code, message, *contexts, wait=LIMIT):
    """One line says it, however many ranks there are, and nothing else is written."""
    result, out, err = run(*contexts, wait=wait)
    lines = errors(err)
    check(what, result == code and not out and len(lines) == 1 and message in lines[0],
          result, repr(out), err)


def same_texts(folder):
    prompts = os.path.join(folder, "prompts.jsonl")
    with open(prompts, "w") as file:
        file.write('{"prompt": "ab"}\n"mn"\n{"prompt": [100, 101], "max_tokens": 2}\n')
    text = os.path.join(folder, "text")
    with open(text, "w") as file:
        file.write("abcdefghijklmnopqrstuvw")
    commands = [
        (["generate", "-p", "ab", "-n", "40", "--ids"], ""),
        (["generate", "-p", "abab", "-n", "40", "--temperature", "1", "--seed", "3",
          "--threads", "3"], ""),
        (["generate", "-p", "ab", "-n", "9", "--show-experts", "--huge-pages", "on"], ""),
        (["generate", "--prompts", prompts, "-n", "9", "--sequences", "2"], ""),
        # Rank 0 has the input.
        (["generate", "--prompts", "-", "-n", "9"], '"ab"\n"mn"\n'),
        (["generate", "--prompt-file", "-", "-n", "9"], "abc"),
        (["score", text], ""),
        (["score", text, "--chunk", "3"], ""),
    ]
    for words, given in commands:
        expected = alone(words, given)
        check("a text to compare with", expected, words)
        for ranks in 2, 4:
            code, out, err = run((ranks, [program(f"fake-program-ranks{ranks}")] + with_mpi(words)),
                                 given=given)
            check(f"{ranks} ranks: {words}", code == 0 and out == expected and not errors(err),
                  code, repr(out), "instead of", repr(expected), err)
    page = os.path.join(folder, "page.html")
    pages = []
    for ranks in 1, 2:
        name = "fake-program" if ranks == 1 else "fake-program-ranks2"
        words = ["trace", "-p", "ab", "-n", "5", "-o", page]
        run((ranks, [program(name)] + with_mpi(words)))
        with open(page) as file:
            pages.append(file.read())
        os.remove(page)
    check("a trace", pages[0] == pages[1])
    # Several runners at a time.
    code, out, err = run((2, [program("fake-program-ranks2")] + with_mpi(
        ["bench", "--json", "--prompt", "9", "--generate", "9", "--repeat", "1", "--sequences", "2",
         "--drafts", "2", "--load"])))
    check("bench", code == 0 and json.loads(out), code, out, err)


def find_library(folder):
    """The one that goes with mpirun, beside the program."""
    beside = os.path.join(folder, "fake-program-ranks2")
    shutil.copy(program("fake-program-ranks2"), beside)
    words = ["generate", "--mpi", "-p", "ab", "-n", "3"]
    message = f"cannot open the library for MPI: libfpmoe-{arguments.implementation}.so"
    fails("no library", 1, message, (2, [beside] + words))
    shutil.copy(arguments.library, folder)
    code, out, err = run((2, [beside] + words))
    check("a library beside the program", code == 0 and out == alone(["generate", "-p", "ab", "-n", "3"]),
          code, out, err)
    fails("not a library", 1, "cannot open the library for MPI",
          (2, [beside, "generate", "--mpi=" + beside + ".none", "-p", "ab"]))


def wrong_uses(folder):
    generate = ["generate", "-p", "ab", "-n", "3"]
    two, four, one = (program(name) for name in ("fake-program-ranks2", "fake-program-ranks4", "fake-program"))
    fails("without --mpi", 2, "this program is split over 2 ranks, which mpirun starts: mpirun -n 2 "
          "fake-program-ranks2 generate --mpi", (2, [two] + generate))
    fails("another number", 1, "2 ranks were started, and this program is split over 4",
          (2, [four] + with_mpi(generate)))
    fails("one rank", 1, "1 rank was started, and this program is split over 2",
          (1, [two] + with_mpi(generate)))
    fails("not split", 1, "2 ranks were started, and this program is not split",
          (2, [one] + with_mpi(generate)))
    code, out, err = run((1, [one] + with_mpi(generate)))
    check("not split, one rank", code == 0 and out == alone(generate) and not errors(err), code, out, err)
    fails("another program", 1, "rank 1 on", (1, [two] + with_mpi(generate)),
          (1, [program("fake-program-ranks-levels")] + with_mpi(generate)))
    levels = program("fake-program-ranks-levels")
    fails("levels that differ", 1, "no level of this program runs on all ranks: rank 0 on",
          (1, ["env", "FPMOE_CPU=avx512-bf16", levels] + with_mpi(generate)),
          (1, ["env", "FPMOE_CPU=x86-64-v3", levels] + with_mpi(generate)))
    # The level that both have steps by two.
    code, out, err = run((1, [levels] + with_mpi(generate + ["--ids"])),
                         (1, ["env", "FPMOE_CPU=x86-64-v3-vnni", levels] + with_mpi(generate + ["--ids"])))
    ids = out.split()
    check("the level that all have", code == 0 and len(ids) == 3 and int(ids[1]) == int(ids[0]) + 2,
          code, out, err)
    fails("a wrong option", 2, "unknown option '--bogus'", (2, [two] + with_mpi(generate + ["--bogus"])))
    fails("a wrong value", 2, "--mpi-timeout is '0'", (2, [two] + with_mpi(generate + ["--mpi-timeout", "0"])))
    fails("no prompt", 2, "a prompt is missing", (2, [two] + with_mpi(["generate"])))
    # Each rank looks for its own file.
    moved = os.path.join(folder, "moved")
    shutil.copy(two, moved)
    with open(moved, "r+b") as file:
        file.truncate(os.path.getsize(moved) - 1000)
    fails("weights that one rank lacks", 1, "rank 1 on", (1, [two] + with_mpi(generate)),
          (1, [moved] + with_mpi(generate)))
    code, out, err = run((2, [two, "generate", "--help"]))
    check("help", code == 0 and "--mpi[=FILE]" in out, code, out)


def children(process):
    """The ranks, which mpirun or what it started has started."""
    found, todo = [], [process.pid]
    while todo:
        pid = todo.pop()
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                todo += map(int, file.read().split())
            with open(f"/proc/{pid}/cmdline") as file:
                words = file.read().split("\0")
            with open(f"/proc/{pid}/environ") as file:
                variables = dict(each.split("=", 1) for each in file.read().split("\0") if "=" in each)
        except OSError:
            continue
        if "fake-program" in words[0]:
            rank = variables.get("OMPI_COMM_WORLD_RANK", variables.get("PMI_RANK"))
            found.append((int(rank), pid))
    return [pid for _, pid in sorted(found)]


def serve(ranks, timeout=30):
    process = start((ranks, [program(f"fake-program-ranks{ranks}")] + with_mpi(
        ["serve", "--port", "0", "--mpi-timeout", str(timeout)])), stdin=subprocess.DEVNULL)
    line = ""
    while "listening at" not in line:
        line = process.stderr.readline()
        assert line, "the server does not start"
    return process, line.split()[-1]


def ask(address, prompt="ab", count=5):
    body = json.dumps({"prompt": prompt, "max_tokens": count}).encode()
    with urllib.request.urlopen(address + "/v1/completions", body, LIMIT) as reply:
        return json.load(reply)["choices"][0]["text"]


def end(process, wait=LIMIT):
    """Seconds until all is over, and what was written; it is killed after some."""
    begun = time.monotonic()
    try:
        _, err = process.communicate(timeout=wait)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return wait, process.communicate()[1]
    return time.monotonic() - begun, err


def are_gone(pids):
    for _ in range(100):
        if not any(os.path.exists(f"/proc/{pid}") for pid in pids):
            return True
        time.sleep(0.1)
    return False


def servers():
    expected = alone(["generate", "-p", "ab", "-n", "5"]).rstrip("\n")
    for ranks in 2, 4:
        process, address = serve(ranks)
        pids = children(process)
        check("ranks", len(pids) == ranks, pids)
        answers = [ask(address) for _ in range(3)]
        check("answers", answers == [expected] * 3, answers)
        # They wait for the next step, mostly asleep.
        time.sleep(1)
        before = [cpu_seconds(pid) for pid in pids]
        time.sleep(2)
        used = max(cpu_seconds(pid) - was for pid, was in zip(pids, before))
        check("an idle server", used < 0.5, used)
        check("an answer later", ask(address) == expected)
        os.kill(pids[0], signal.SIGINT)
        took, err = end(process)
        check("Ctrl-C", took < LIMIT and not errors(err) and are_gone(pids), took, err)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lost_ranks():
    for ranks, lost in (2, 1), (4, 2), (4, 0):
        process, address = serve(ranks)
        ask(address)
        pids = children(process)
        os.kill(pids[lost], signal.SIGKILL)
        took, err = end(process)
        # It is mpirun that sees it.
        names = "signal 9" if arguments.implementation == "openmpi" else "KILLED BY SIGNAL: 9"
        check(f"rank {lost} of {ranks} is killed", took < LIMIT and not errors(err) and are_gone(pids), took,
              err)
    for ranks, lost in (2, 1), (4, 3), (4, 1):
        process, address = serve(ranks, timeout=2)
        ask(address)
        pids = children(process)
        os.kill(pids[lost], signal.SIGSTOP)
        try:
            ask(address)
        except OSError:
            pass
        took, err = end(process)
        lines = errors(err)
        check(f"rank {lost} of {ranks} hangs", took < 60 and len(lines) == 1 and
              f"nothing came from rank {lost} on " in lines[0] and are_gone(pids), took, err)
    # Nobody is left who could end the others.
    process, address = serve(2)
    ask(address)
    pids = children(process)
    process.kill()
    took, err = end(process)
    check("mpirun is killed", took < LIMIT and are_gone(pids), took, err)


def late_end(folder):
    """MPI that does not end: the process does, with its own exit code."""
    source, library = (os.path.join(folder, name) for name in ("late.c", "late.so"))
    with open(source, "w") as file:
        file.write("int pause(void);\nint MPI_Finalize(void) { for (;;) pause(); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    try:
        code = subprocess.run([program("check-mpi"), arguments.library, "late"], timeout=LIMIT,
                              env={**environment, "LD_PRELOAD": library}).returncode
    except subprocess.TimeoutExpired:
        code = None
    check("MPI does not end", code == 3, code)


def all_checks():
    check_mpi = program("check-mpi")
    part("the library")
    for ranks in 1, 2, 4:
        code, out, err = run((ranks, [check_mpi, arguments.library, "all"]))
        check(f"{ranks} ranks", out == f"all is right on {ranks} ranks\n", code, out, err)
    for ranks in 2, 4:
        fails(f"the last of {ranks} hangs", 1, f"nothing came from rank {ranks - 1} on ",
              (ranks, [check_mpi, arguments.library, "hang"]))
        code, out, err = run((ranks, [check_mpi, arguments.library, "die"]))
        check(f"the last of {ranks} dies", code and "it did not end" not in err, code, err)
    with tempfile.TemporaryDirectory() as folder:
        part("texts")
        same_texts(folder)
        part("finding the library")
        find_library(folder)
        part("the end")
        late_end(folder)
        part("wrong uses")
        wrong_uses(folder)
    part("servers")
    servers()
    part("lost ranks")
    lost_ranks()
    part(None)


all_checks()
raise SystemExit(failures > 0)
