"""The WHATWG rules taken literally: text, one character at a time, whole streams only. Slow on purpose."""


def parse(body: bytes) -> list[tuple[str, str]]:
    """Return (event type, data) of each event that a complete stream dispatches."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    events: list[tuple[str, str]] = []
    data, event_type = "", ""
    for line in _lines(text):
        if line == "":
            if data != "":
                events.append((event_type or "message", data[:-1]))
            data, event_type = "", ""
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value[1:] if value[:1] == " " else value
            if field == "data":
                data += value + "\n"
            elif field == "event":
                event_type = value
    return events


def _lines(text: str) -> list[str]:
    """Lines that were ended by CRLF, CR or LF; text behind the last line end is no line."""
    lines, line, position = [], "", 0
    while position < len(text):
        character = text[position]
        position += 1
        if character not in "\r\n":
            line += character
            continue
        if character == "\r" and text[position : position + 1] == "\n":
            position += 1
        lines.append(line)
        line = ""
    return lines
