#!/usr/bin/env python3
"""Writes dtrain's manual pages in mdoc: dtrain(1), and one for each command.

usage: dtrain --experimental-dump-help | packaging/manual.py FOLDER VERSION

The flags come from the argument parser's own description. All else, such as exit codes, comes from the files in
packaging/manual: NAME.mdoc has whole sections for the page NAME.

swift-argument-parser's `generate-manual` isn't used: it drops non-ASCII characters and the groups of the flags, names
the pages dtrain.train(1), and can't describe exit codes.

SOURCE_DATE_EPOCH   the date of the pages, in seconds (today)
"""

import json
import os
import pathlib
import re
import sys
import textwrap
import time

SECTIONS = pathlib.Path(__file__).parent / "manual"
ORDER = (
    "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO")


def escaped(text):
    """Text with flags and quotes escaped, so that they show as typed."""
    text = text.replace("\\", "\\e").replace("'", "\\(aq")
    # Names of flags and files aren't hyphenated.
    text = re.sub(r"(?<![\w-])-+(?=[\w-])", lambda dashes: "\\%" + dashes[0].replace("-", "\\-"), text)
    return re.sub(r"(?<![^\s(])(?=\w[^\s]*[/_])", r"\\%", text)


def filled(text):
    """Lines of running text, each sentence from the start of a line, as mdoc wants them."""
    sentences = re.split(r"(?<=[.:!?])\s+(?=[A-Z']|docs/)", text.strip())
    wrap = textwrap.TextWrapper(width=80, break_on_hyphens=False, break_long_words=False)
    lines = [line for sentence in sentences for line in wrap.wrap(escaped(sentence))]
    return [re.sub(r"^\.", r"\\&.", line) for line in lines]


def words(macro, text):
    """A macro with words that aren't macros themselves, whose names begin with a capital."""
    quoted = [f'"{escaped(word)}"' if word[0].isupper() else escaped(word) for word in text.split()]
    return f".{macro} {' '.join(quoted)}"


class Argument:
    """A flag, an option with a value, or a word of a command."""

    def __init__(self, description):
        self.kind = description["kind"]
        self.names = [n for n in description.get("names", []) if n["kind"] != "longWithSingleDash"]
        self.value = description.get("valueName", "value")
        self.is_optional = description["isOptional"]
        self.takes_several = description["isRepeating"] and (
            self.kind == "positional" or description["parsingStrategy"] == "upToNextOption")
        self.follows_dashes = description["parsingStrategy"] == "postTerminator"
        self.group = description.get("sectionTitle")
        self.is_general = {n["name"] for n in self.names} & {"help", "version"} != set()
        self.text = self._text(description)

    @staticmethod
    def _text(description):
        text = description.get("abstract", "")
        values = description.get("allValues", [])
        if not all(re.search(rf"\b{re.escape(value)}\b", text.partition("(default")[0]) for value in values):
            text += f" One of {', '.join(values)}."
        if "defaultValue" in description and "(default:" not in text:
            text += f" The default is {description['defaultValue']}."
        return text

    def flags(self):
        """The names with their dashes in mdoc: `Fl h , Fl -help`."""
        return " , ".join(f"Fl {'-' * (n['kind'] == 'long')}{n['name']}" for n in self.names)

    def words(self):
        """The argument as it is typed, in mdoc."""
        more = " ..." if self.takes_several else ""
        if self.kind == "positional":
            return f"{'Fl - ' * self.follows_dashes}Ar {self.value}{more}"
        return self.flags() + (f" Ar {self.value}{more}" if self.kind == "option" else "")


class Page:
    """The manual page of the program or of one of its commands."""

    def __init__(self, command, path):
        self.name = "-".join(path)
        self.path = path
        self.abstract = command.get("abstract", "")
        self.commands = [c for c in command.get("subcommands", []) if c["shouldDisplay"] and c["commandName"] != "help"]
        self.arguments = [Argument(a) for a in command.get("arguments", []) if a.get("abstract")]  # The others are internal.
        # Indented lines are examples.
        lines = command.get("discussion", "").split("\n")
        self.discussion = [line for line in lines if line.strip() and not line.startswith("  ")]
        self.examples = [line.strip() for line in lines if line.startswith("  ")]

    def lines(self, date, version, others):
        sections = {"NAME": self._name(), "SYNOPSIS": self._synopsis(), "DESCRIPTION": self._description()}
        sections |= {"OPTIONS": self._options()} if not self.commands else {"COMMANDS": self._commands()}
        if self.examples:
            sections["EXAMPLES"] = [".Bd -literal", *map(escaped, self.examples), ".Ed"]
        own = SECTIONS / f"{self.name}.mdoc"
        for title, section in written(own if own.exists() else SECTIONS / "command.mdoc").items():
            sections[title] = sections.get(title, []) + section
        sections["SEE ALSO"] = see_also([name for name in others if name != self.name])
        assert set(sections) <= set(ORDER), f"{own}: a section's title is not one of {', '.join(ORDER)}"
        body = [line for title in ORDER if title in sections for line in (f".Sh {title}", *sections[title])]
        return [f".Dd {date}", f".Dt {self.name.upper()} 1", f".Os dtrain {version}", *body]

    def _name(self):
        summary = re.sub(r" \(.*\)", "", self.abstract).rstrip(".")
        return [f".Nm {self.name}", words("Nd", summary[0].lower() + summary[1:])]

    def _synopsis(self):
        command = f".Nm {' '.join(self.path)}"
        if self.commands:
            return [command, ".Op Ar command", ".Op Ar options"]
        lines = [command]
        lines += [f".{a.words()}" for a in self.arguments if a.kind == "option" and not a.is_optional]
        lines += [".Op Ar options"]
        for a in self.arguments:
            if a.kind == "positional":
                lines.append(f".Op {a.words()}" if a.is_optional else f".{a.words()}")
        return lines

    def _description(self):
        paragraphs = [self.abstract, *self.discussion]
        return [line for i, text in enumerate(paragraphs) for line in ([".Pp"] if i else []) + filled(text)]

    def _commands(self):
        lines = [".Bl -tag -width generate"]
        for command in self.commands:
            name = command["commandName"]
            lines += [f".It Ic {name}", *filled(command["abstract"]), f".Xr {self.name}-{name} 1"]
        return [*lines, ".El"]

    def _options(self):
        # Arguments without a group come first.
        groups = {None: []}
        for argument in self.arguments:
            if not argument.is_general:
                groups.setdefault(argument.group, []).append(argument)
        general = [argument for argument in self.arguments if argument.is_general]
        groups.setdefault("General" if len(groups) > 1 else None, []).extend(general)
        lines = []
        for title, group in groups.items():
            lines += [f".Ss {title}"] if title else []
            lines += [".Bl -tag -width Ds", *self._items(group), ".El"] if group else []
        return lines

    @staticmethod
    def _items(group):
        """List items; a switch and its opposite share one item, because they share one text."""
        lines, previous = [], None
        for argument in group:
            if previous and previous.kind == argument.kind == "flag" and previous.text == argument.text:
                lines[-1 - len(filled(argument.text))] += f" , {argument.words()}"
            else:
                lines += [f".It {argument.words()}", *filled(argument.text)]
            previous = argument
        return lines


def written(file):
    """The sections of an mdoc file by title."""
    parts = re.split(r"^\.Sh (.*)\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {title: text.splitlines() for title, text in zip(parts[1::2], parts[2::2])}


def see_also(names):
    names = sorted([*names, "mpirun"])
    return [f".Xr {name} 1{' ,' if name != names[-1] else ''}" for name in names]


def main(folder, version):
    tool = json.load(sys.stdin)
    if tool.get("serializationVersion") != 0:
        sys.exit("error: the argument parser's description isn't of version 0: adapt packaging/manual.py")
    command = tool["command"]
    root = Page(command, [command["commandName"]])
    pages = [root, *(Page(c, [root.name, c["commandName"]]) for c in root.commands)]
    day = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
    date = f"{time.strftime('%B', day)} {day.tm_mday}, {day.tm_year}"
    for page in pages:
        text = "\n".join(page.lines(date, version, [p.name for p in pages])) + "\n"
        pathlib.Path(folder, f"{page.name}.1").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit("usage: dtrain --experimental-dump-help | packaging/manual.py FOLDER VERSION")
    main(sys.argv[1], sys.argv[2])
