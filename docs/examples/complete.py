"""Goes on with a text, through ctypes alone.

fpmoe-compile models/nano --emit=shared -o libnano.so
python3 docs/examples/complete.py ./libnano.so 'fibonacci :: Int -> Integer'
"""
import ctypes as c
import sys


class Request(c.Structure):
    _fields_ = [("size", c.c_size_t), ("prompt", c.POINTER(c.c_int32)), ("prompt_count", c.c_size_t),
                ("max_tokens", c.c_int64), ("temperature", c.c_double), ("top_p", c.c_double),
                ("min_p", c.c_double), ("top_k", c.c_int64), ("repetition_penalty", c.c_double),
                ("presence_penalty", c.c_double), ("frequency_penalty", c.c_double),
                ("seed", c.c_uint64), ("stops", c.POINTER(c.c_char_p)), ("stop_count", c.c_size_t),
                ("language", c.c_char_p), ("drafts", c.c_int32), ("logprobs", c.c_int32)]


class Event(c.Structure):
    _fields_ = [("size", c.c_size_t), ("kind", c.c_int32), ("reason", c.c_int32),
                ("text", c.c_char_p), ("text_bytes", c.c_size_t), ("tokens", c.POINTER(c.c_int32)),
                ("logprobs", c.POINTER(c.c_double)), ("token_count", c.c_size_t),
                ("cached_tokens", c.c_int64)]


def main(path, text):
    library = c.CDLL(path)
    library.fpmoe_error.restype = c.c_char_p
    library.fpmoe_tokenize.restype = c.c_int64

    def call(function, *arguments):
        result = function(*arguments)
        if result < 0:
            sys.exit(library.fpmoe_error().decode())
        return result

    engine, sequence = c.c_void_p(), c.c_void_p()
    call(library.fpmoe_open, None, c.byref(engine))
    data = text.encode()
    arguments = engine, data, c.c_size_t(len(data)), 1
    count = call(library.fpmoe_tokenize, *arguments, None, c.c_size_t(0))
    ids = (c.c_int32 * count)()
    call(library.fpmoe_tokenize, *arguments, ids, c.c_size_t(count))

    request = Request()
    library.fpmoe_request_defaults(c.byref(request))
    request.prompt, request.prompt_count = ids, count
    request.max_tokens, request.temperature = 24, 0
    call(library.fpmoe_start, engine, c.byref(request), c.byref(sequence))
    event = Event(size=c.sizeof(Event))
    print(text, end="")
    while event.kind == 0:
        call(library.fpmoe_next, sequence, -1, c.byref(event))
        print(event.text.decode(), end="", flush=True)
    print()
    library.fpmoe_finish(sequence)
    library.fpmoe_close(engine)


if __name__ == "__main__":
    main(*sys.argv[1:])
