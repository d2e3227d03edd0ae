"""How a problem is put to a model in Haskell, OCaml and Scala: the prompt, where the answer
ends, and the files of the program that tests it.
"""
# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import re
import textwrap
import typing

WIDTH = 80


def camel_case(name):
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Language:
    """Names, types and values; those methods that raise differ in each language."""
    name = None
    # Texts before which a program ends an answer by itself: nothing that `cut` keeps.
    stops = []
    types = {}  # {type of Python: its name}
    values = {}  # {True, False, None: how they are written}

    def list_type(self, item):
        raise NotImplementedError

    def option_type(self, item):
        raise NotImplementedError

    def pair_type(self, items):
        raise NotImplementedError

    def type(self, kind):
        if kind in self.types:
            return self.types[kind]
        items = [self.type(k) for k in typing.get_args(kind) if k is not type(None)]
        origin = typing.get_origin(kind)
        if origin is list:
            return self.list_type(*items)
        return self.pair_type(items) if origin is tuple else self.option_type(*items)

    def list_value(self, items):
        raise NotImplementedError

    def some(self, value):
        raise NotImplementedError

    def argument(self, value, kind):
        """A value where it has to be a single word or in brackets."""
        negative = isinstance(value, (int, float)) and value < 0
        some = typing.get_origin(kind) is typing.Union and value is not None
        return f"({self.value(value, kind)})" if negative or some else self.value(value, kind)

    def value(self, value, kind):
        inner = [k for k in typing.get_args(kind) if k is not type(None)]
        if value is not None and typing.get_origin(kind) is typing.Union:
            return self.some(self.argument(value, inner[0]))
        if value is None or isinstance(value, bool):
            return self.values[value]
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, list):
            return self.list_value([self.value(v, inner[0]) for v in value])
        if isinstance(value, tuple):
            return f"({', '.join(map(self.value, value, inner))})"
        return str(value)

    def function(self, problem):
        return camel_case(problem.name)

    def call(self, problem, arguments, module=""):
        words = map(self.argument, arguments, problem.parameters.values())
        return " ".join([module + self.function(problem), *words])

    def examples(self, problem):
        """Pairs of a call and its value."""
        return [(self.call(problem, example),
                 self.value(problem.expected(example), problem.result))
                for example in problem.examples]

    def checks(self, problem):
        """An expression for each hidden test, true if the answer is right."""
        for test in problem.tests:
            call = self.call(problem, test, "Problem.")
            expected = problem.expected(test)
            if problem.result is float:
                yield self.near(call, self.argument(expected, float))
            else:
                yield f"{call} {self.equals} {self.argument(expected, problem.result)}"

    def prompt(self, problem):
        raise NotImplementedError

    def cut(self, problem, completion):
        """The completion up to the end of the function and of what it uses."""
        raise NotImplementedError

    def files(self, problem, completion):
        """{name: text} of the program that tests a completion. It writes PASSED, which
        has the place of a word that no answer knows, if all is right."""
        raise NotImplementedError


def uses(text, name):
    return re.search(rf"(?<![\w']){re.escape(name)}(?![\w'])", text)


class Haskell(Language):
    name = "haskell"
    stops = ["\n-- |", "\n{-", "\nmain", "\nmodule ", "\nimport ", "\n```"]
    types = {int: "Int", bool: "Bool", str: "String", float: "Double"}
    values = {True: "True", False: "False", None: "Nothing"}
    equals = "=="
    imports = textwrap.dedent("""\
        import Data.Char
        import Data.List
        import qualified Data.Map as Map
        import Data.Maybe
        """)

    def list_type(self, item):
        return f"[{item}]"

    def option_type(self, item):
        return f"Maybe {item}"

    def pair_type(self, items):
        return f"({', '.join(items)})"

    def list_value(self, items):
        return f"[{', '.join(items)}]"

    def some(self, value):
        return f"Just {value}"

    def near(self, left, right):
        return f"abs ({left} - {right}) < 1e-9"

    def prompt(self, problem):
        lines = textwrap.wrap("| " + problem.task, WIDTH - 3) + [""]
        for call, value in self.examples(problem):
            lines += [f">>> {call}", value]
        comment = "".join(f"-- {line}".rstrip() + "\n" for line in lines)
        signature = " -> ".join(map(self.type, [*problem.parameters.values(),
                                                problem.result]))
        return f"{self.imports}\n{comment}{self.function(problem)} :: {signature}\n"

    def cut(self, problem, completion):
        """Definitions start at the left margin. One that the text before it does not use
        is the beginning of something else."""
        known = {self.function(problem)}
        kept = []
        for line in completion.split("```")[0].splitlines():
            if re.match(r"-- \||\{-|[#>]", line):
                break
            word = re.match(r"[a-z_A-Z][\w']*", line)
            if word and word[0] not in known:
                if not uses("\n".join(kept), word[0]):
                    break
                known.add(word[0])
            kept.append(line)
        return "\n".join(kept)

    def files(self, problem, completion):
        checks = "".join(f"  check ({check})\n" for check in self.checks(problem))
        return {
            "Problem.hs": f"module Problem where\n{self.prompt(problem)}{completion}\n",
            "Main.hs": textwrap.dedent("""\
                module Main where
                import Control.Monad (unless)
                import qualified Problem
                import System.Exit (exitFailure)
                import System.IO (hFlush, stdout)

                check :: Bool -> IO ()
                check right = unless right exitFailure

                main :: IO ()
                main = do
                  putStrLn "compiled"
                  hFlush stdout
                """) + checks + '  putStrLn "PASSED"\n'}


class OCaml(Language):
    name = "ocaml"
    stops = ["\nlet ", "\n(*", "\n;;", ";;\n", "\ntype ", "\nmodule ", "\nopen ", "\nend",
             "\n```"]
    types = {int: "int", bool: "bool", str: "string", float: "float"}
    values = {True: "true", False: "false", None: "None"}
    equals = "="

    def list_type(self, item):
        return f"({item}) list" if "*" in item else f"{item} list"

    def option_type(self, item):
        return f"({item}) option" if "*" in item else f"{item} option"

    def pair_type(self, items):
        return " * ".join(items)

    def list_value(self, items):
        return f"[{'; '.join(items)}]"

    def some(self, value):
        return f"Some {value}"

    def near(self, left, right):
        return f"abs_float ({left} -. {right}) < 1e-9"

    def function(self, problem):
        return problem.name

    def prompt(self, problem):
        lines = textwrap.wrap("(** " + problem.task, WIDTH, subsequent_indent="    ") + [""]
        lines += [f"    [{call} = {value}]" for call, value in self.examples(problem)]
        parameters = " ".join(f"({name} : {self.type(kind)})"
                              for name, kind in problem.parameters.items())
        comment = "\n".join(lines) + " *)"
        return (f"{comment}\nlet rec {problem.name} {parameters} : "
                f"{self.type(problem.result)} =")

    def cut(self, problem, completion):
        """What starts at the left margin and is no `and` is another definition, or the
        end of a module that there is not."""
        kept = []
        for token in re.finditer(r'"(?:\\.|[^"\\])*"|\'"\'|;;|```', completion):
            if token[0] in (";;", "```"):
                completion = completion[:token.start()]
                break
        for line in completion.splitlines():
            if any(kept) and re.match(r"(let|type|module|open|exception|external|class|val"
                                      r"|end)\b|\(\*|#", line):
                break
            kept.append(line)
        return "\n".join(kept)

    def files(self, problem, completion):
        checks = "".join(f"let () = check ({check})\n" for check in self.checks(problem))
        return {"problem.ml": f"{self.prompt(problem)}{completion}\n",
                "main.ml": "let check right = if not right then exit 1\n" + checks
                           + 'let () = print_endline "PASSED"\n'}


class Scala(Language):
    name = "scala"
    stops = ["\n  /**", "\nobject ", "\nclass ", "\n  def main", "\n```"]
    types = {int: "Int", bool: "Boolean", str: "String", float: "Double"}
    values = {True: "true", False: "false", None: "None"}
    equals = "=="
    token = re.compile(r'''
        """.*?""" | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\])' | //[^\n]* | /\*(?!\*).*?\*/
        | (?P<bracket>[][(){}])
        | \n\s*(?P<other>/\*\*)
        | \n\s*(?:(?:@\w+|private|protected|override|final|implicit|lazy|sealed|abstract
               |case)\s+)*
          (?:def|val|var|object|class|trait|type|import|package)\s+(?P<name>\w+)
        ''', re.VERBOSE | re.DOTALL)

    def list_type(self, item):
        return f"List[{item}]"

    def option_type(self, item):
        return f"Option[{item}]"

    def pair_type(self, items):
        return f"({', '.join(items)})"

    def list_value(self, items):
        return f"List({', '.join(items)})"

    def some(self, value):
        return f"Some({value})"

    def near(self, left, right):
        return f"math.abs({left} - {right}) < 1e-9"

    def argument(self, value, kind):
        return self.value(value, kind)

    def call(self, problem, arguments, module=""):
        words = map(self.argument, arguments, problem.parameters.values())
        return f"{module}{self.function(problem)}({', '.join(words)})"

    def prompt(self, problem):
        lines = textwrap.wrap(problem.task, WIDTH - 6) + [""]
        lines += [f"{call} == {value}" for call, value in self.examples(problem)]
        comment = "".join(f"    * {line}".rstrip() + "\n" for line in lines)
        comment = "  /** " + comment[len("    * "):] + "    */\n"
        parameters = ", ".join(f"{camel_case(name)}: {self.type(kind)}"
                               for name, kind in problem.parameters.items())
        return (f"object Problem {{\n{comment}  def {self.function(problem)}({parameters}): "
                f"{self.type(problem.result)} =")

    def cut(self, problem, completion):
        """The object's closing bracket, or outside of all brackets another definition
        that the text before does not use."""
        completion = completion.split("```")[0]
        depth = 0
        for token in self.token.finditer(completion):
            before = completion[:token.start()]
            if token["bracket"]:
                depth += 1 if token["bracket"] in "([{" else -1
                if depth < 0:
                    return before
            elif depth == 0 and before.strip():
                if token["other"] or token["name"] and not uses(before, token["name"]):
                    return before
        return completion

    def files(self, problem, completion):
        """The package has the place of a name, so that many are compiled at a time."""
        checks = "".join(f"    check({check})\n" for check in self.checks(problem))
        return {
            "Problem.scala": f"package PACKAGE\n{self.prompt(problem)}{completion}\n}}\n",
            "Main.scala": textwrap.dedent("""\
                package PACKAGE
                object Main {
                  def check(right: Boolean): Unit = if (!right) sys.exit(1)
                  def main(arguments: Array[String]): Unit = {
                """) + checks + '    println("PASSED")\n  }\n}\n'}


LANGUAGES = {language.name: language for language in (Haskell(), OCaml(), Scala())}
