"""A corpus of permissively licensed sources from Debian's source packages, split by
file into training and held-out: that of the nano model, and of the recipes.

Which packages in which versions is listed in a packages.json. Whether a file may
be used is decided by the package's debian/copyright, file by file.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
LISTING = HERE / "packages.json"
LANGUAGES = ["haskell", "ocaml", "scala"]
EXTENSIONS = {"haskell": (".hs",), "ocaml": (".ml", ".mli"), "scala": (".scala",),
              "python": (".py",), "java": (".java",), "javascript": (".js", ".mjs"),
              "cpp": (".cc", ".cpp", ".h", ".hpp")}

# Licence names as debian/copyright files spell them.
PERMISSIVE = {
    "MIT", "Expat", "ISC", "Apache-2.0", "BSD", "BSD2", "BSD3", "BSD-2-clause",
    "BSD-3-clause", "BSD-C2", "BSD-C3", "BSD-3-Clause",
}
SKIPPED_FOLDERS = {".pc", "debian", "vendor", "_build"}
MIN_BYTES, MAX_BYTES = 300, 100_000
HELDOUT_PER_MILLE = 30
SAMPLE_BYTES = 45_000  # per language, copied into the repository


def packages(listing=LISTING):
    content = json.loads(listing.read_text())
    return content["suite"], content["packages"]


def fetch(work, listing=LISTING):
    """Downloads and unpacks the source packages below `work`/src."""
    suite, listed = packages(listing)
    src = work / "src"
    apt = work / "apt"
    for folder in (src, apt / "lists" / "partial", apt / "cache/archives/partial"):
        folder.mkdir(parents=True, exist_ok=True)
    # A package with sources in two languages is listed twice.
    missing = {folder_name(p): p for p in listed
               if not (src / folder_name(p)).is_dir()}.values()
    if not missing:
        return
    # A private configuration: the machine's own package sources stay untouched.
    (apt / "sources.list").write_text(
        "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
        f"http://deb.debian.org/debian {suite} main\n")
    (apt / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{apt}/sources.list";\nDir::Etc::SourceParts "-";\n'
        f'Dir::State::Lists "{apt}/lists";\nDir::Cache "{apt}/cache";\n')
    env = dict(os.environ, APT_CONFIG=str(apt / "apt.conf"))
    subprocess.run(["apt-get", "update", "-qq"], env=env, check=True)
    for p in missing:
        print(f"fetching {p['name']} {p['version']}", flush=True)
        subprocess.run(["apt-get", "source", "-qq", "--download-only",
                        f"{p['name']}={p['version']}"], env=env, cwd=src, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        dsc = f"{p['name']}_{without_epoch(p)}.dsc"
        subprocess.run(["dpkg-source", "--no-check", "-x", dsc, folder_name(p)],
                       cwd=src, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


def without_epoch(package):
    return package["version"].split(":")[-1]


def folder_name(package):
    return f"{package['name']}-{without_epoch(package)}"


def licence_rules(root, package):
    """(pattern, licence) pairs of debian/copyright; the last match decides. Where it
    has no stanzas, packages.json gives the licence that its text states."""
    text = (root / "debian/copyright").read_text(errors="replace")
    rules = [("*", package["licence"])] if "licence" in package else []
    for stanza in re.split(r"\n\s*\n", text):
        files = re.search(r"^Files:((?:.*)(?:\n[ \t]+.*)*)", stanza, re.M)
        licence = re.search(r"^License:[ \t]*(.*)", stanza, re.M)
        if files and licence:
            for pattern in files[1].replace(",", " ").split():
                rules.append((pattern, licence[1].strip()))
    return rules


def licence_of(path, rules):
    found = None
    for pattern, licence in rules:
        if fnmatch.fnmatchcase(path, pattern):
            found = licence
    return found


def usable_files(work, package):
    """Yields (path, bytes, licence) of the files of a package that may be used."""
    root = work / "src" / folder_name(package)
    rules = licence_rules(root, package)
    allowed = PERMISSIVE | set(package.get("allow", []))
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.suffix not in EXTENSIONS[package["language"]] or not path.is_file():
            continue
        if path.is_symlink() or SKIPPED_FOLDERS & set(name.split("/")):
            continue
        if not any(fnmatch.fnmatchcase(name, p) for p in package.get("only", ["*"])):
            continue
        if any(fnmatch.fnmatchcase(name, p) for p in package.get("exclude", [])):
            continue
        licence = licence_of(name, rules)
        if licence not in allowed:
            continue
        data = path.read_bytes()
        if not MIN_BYTES <= len(data) <= MAX_BYTES or b"\0" in data:
            continue
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        yield name, data.replace(b"\r\n", b"\n"), licence


def is_heldout(package, name):
    digest = hashlib.sha256(f"{package['name']}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "little") % 1000 < HELDOUT_PER_MILLE


def collect(work, listing=LISTING):
    """Returns {language: {"train": [...], "heldout": [...]}} of file entries, each
    {"package", "path", "licence", "text"}; identical files are kept once."""
    corpus = {}
    seen = set()
    for package in packages(listing)[1]:
        parts = corpus.setdefault(package["language"], {"train": [], "heldout": []})
        for name, data, licence in usable_files(work, package):
            digest = hashlib.sha256(data).digest()
            if digest in seen:
                continue
            seen.add(digest)
            part = "heldout" if is_heldout(package, name) else "train"
            parts[part].append({
                "package": package["name"], "version": package["version"],
                "path": name, "licence": licence, "text": data.decode("utf-8")})
    return corpus


def write_table(corpus, path, title, note, listing=LISTING):
    """Writes the generated list of packages with what was taken of each."""
    suite, listed = packages(listing)
    lines = [f"# The corpus of {title}",
             "",
             f"Generated by `train.py corpus`; Debian source packages of suite {suite}. "
             "Only files whose stanza in `debian/copyright` names one of the licences "
             f"shown are used. {note}",
             "",
             "| Language | Package | Version | Licences of the files used | Files | KB |",
             "|---|---|---|---|---:|---:|"]
    for lang in corpus:
        entries = corpus[lang]["train"] + corpus[lang]["heldout"]
        for package in [p for p in listed if p["language"] == lang]:
            mine = [e for e in entries if e["package"] == package["name"]]
            licences = ", ".join(sorted({e["licence"] for e in mine}))
            size = sum(len(e["text"].encode()) for e in mine)
            lines.append(f"| {lang} | {package['name']} | {package['version']} | "
                         f"{licences} | {len(mine)} | {size // 1000} |")
    lines += ["", "| Language | Training files | MB | Held-out files | KB |",
              "|---|---:|---:|---:|---:|"]
    for lang in corpus:
        train, held = corpus[lang]["train"], corpus[lang]["heldout"]
        lines.append(f"| {lang} | {len(train)} | "
                     f"{sum(len(e['text'].encode()) for e in train) / 1e6:.2f} | "
                     f"{len(held)} | "
                     f"{sum(len(e['text'].encode()) for e in held) // 1000} |")
    path.write_text("\n".join(lines) + "\n")


def write_sample(corpus, work, folder, title, limit=SAMPLE_BYTES, listing=LISTING):
    """Copies a small held-out sample into the repository, with the copyright file
    of each package that it quotes."""
    shutil.rmtree(folder, ignore_errors=True)
    lines = ["# Held-out sample",
             "",
             f"Files that {title} was not trained on, unchanged from their "
             "packages except for line ends; `licences/` holds each package's "
             "copyright file.",
             "",
             "| File | Package | Version | Path in the package | Licence |",
             "|---|---|---|---|---|"]
    quoted = {}
    for lang in corpus:
        (folder / lang).mkdir(parents=True)
        total = 0
        # In the order of the path's hash, so that all packages get a turn.
        order = sorted(corpus[lang]["heldout"], key=lambda e: hashlib.sha256(
            f"sample {e['package']}/{e['path']}".encode()).digest())
        for entry in order:
            data = entry["text"].encode()
            if len(data) > 12_000 or total + len(data) > limit:
                continue
            total += len(data)
            name = entry["package"] + "-" + Path(entry["path"]).name
            target = folder / lang / name
            if target.exists():
                continue
            target.write_bytes(data)
            quoted[entry["package"]] = entry["version"]
            lines.append(f"| {lang}/{name} | {entry['package']} | {entry['version']}"
                         f" | {entry['path']} | {entry['licence']} |")
    (folder / "README.md").write_text("\n".join(lines) + "\n")
    (folder / "licences").mkdir()
    for package in packages(listing)[1]:
        if package["name"] in quoted:
            shutil.copyfile(work / "src" / folder_name(package) / "debian/copyright",
                            folder / "licences" / package["name"])


def load(work, listing=LISTING):
    """Fetches what is missing and returns the corpus of collect()."""
    fetch(work, listing)
    return collect(work, listing)
