# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""OpenAI's Python package: completions in every form, typed errors, a stream that is left."""

import asyncio

import openai

from client import Client
from server import Server, wait_for

PROMPT = "fibonacci :: Int -> Integer\n"


def whole_texts(client, create):
    greedy = client.generate(PROMPT, 24)
    answer = create(prompt=PROMPT, max_tokens=24, temperature=0)
    choice = answer.choices[0]
    client.equal((choice.text, choice.finish_reason, choice.index, choice.logprobs),
                 (greedy, "length", 0, None), "24 tokens, greedily")
    client.equal((answer.object, answer.model), ("text_completion", "nano"), "what it is")
    size = len(client.tokenize(PROMPT))
    usage = answer.usage
    client.equal((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens),
                 (size, 24, size + 24), "usage")

    drawn = client.generate(PROMPT, 24, "--temperature", 0.8, "--seed", 5)
    draw = dict(prompt=PROMPT, max_tokens=24, temperature=0.8)
    client.equal(create(**draw, seed=5).choices[0].text, drawn, "seed 5, as `generate` has it")
    three = create(**draw, seed=5, n=3)
    client.equal([each.index for each in three.choices], [0, 1, 2], "n=3")
    client.equal([each.text for each in three.choices],
                 [drawn, *(create(**draw, seed=seed).choices[0].text for seed in (6, 7))],
                 "n=3, the texts of seeds 5, 6 and 7")
    client.equal(three.usage.prompt_tokens, size, "n=3 counts the prompt once")

    word = greedy[8:11]
    choice = create(prompt=PROMPT, max_tokens=24, temperature=0, stop=["never", word]).choices[0]
    client.equal((choice.text, choice.finish_reason), (greedy[:greedy.index(word)], "stop"),
                 f"stop at {word!r}")


def scores(client, create):
    ids = client.tokenize(PROMPT)
    body = dict(prompt=PROMPT, max_tokens=12, temperature=0)
    made = client.post("/completion", {"prompt": PROMPT, "n_predict": 12, "temperature": 0})
    wanted = client.score(ids + made["tokens"])
    choice = create(**body, logprobs=3).choices[0]
    told = choice.logprobs
    client.equal(told.token_logprobs, wanted[len(ids) - 1:], "logprobs, as `score` has them")
    client.equal("".join(told.tokens), choice.text, "logprobs: the tokens are the text")
    client.equal([choice.text[at:at + len(token)]
                  for at, token in zip(told.text_offset, told.tokens)], told.tokens,
                 "logprobs: text_offset says where they are")
    client.check(all(len(top) == 3 and max(top.values()) == top[token] == score
                     for top, token, score in
                     zip(told.top_logprobs, told.tokens, told.token_logprobs)),
                 "logprobs=3: three, of which the best was taken", told.top_logprobs[0])
    echoed = create(prompt=ids, max_tokens=1, temperature=0, logprobs=1, echo=True).choices[0]
    client.equal(echoed.logprobs.token_logprobs, [None, *wanted[:len(ids)]],
                 "ids with echo and logprobs")
    client.equal(echoed.text, PROMPT + told.tokens[0], "the text of ids with echo")


def streams(client, create):
    body = dict(prompt=PROMPT, max_tokens=24, temperature=0.8, seed=5)
    whole = create(**body, logprobs=1)
    events = list(create(**body, logprobs=1, stream=True, stream_options={"include_usage": True}))
    pieces = [event.choices[0] for event in events if event.choices]
    client.equal("".join(piece.text for piece in pieces), whole.choices[0].text,
                 "the text of a stream")
    client.check(len(pieces) > 10, "a stream has many events", len(pieces))
    client.equal([piece.finish_reason for piece in pieces], [None] * (len(pieces) - 1) + ["length"],
                 "a stream says at the end how it ended")
    client.equal(sum((piece.logprobs.token_logprobs for piece in pieces if piece.logprobs), []),
                 whole.choices[0].logprobs.token_logprobs, "logprobs of a stream")
    client.equal((events[-1].choices, events[-1].usage.completion_tokens), ([], 24),
                 "usage in an event of its own")
    client.equal({event.usage for event in events[:-1]}, {None}, "no usage before that")
    plain = list(create(**body, stream=True))
    client.equal({event.usage for event in plain}, {None}, "no usage where it is not asked for")
    client.check(all(event.choices for event in plain), "and no event without a choice", len(plain))
    texts = ["", ""]
    for event in create(**body, n=2, stream=True):
        texts[event.choices[0].index] += event.choices[0].text
    client.equal(texts, [each.text for each in create(**body, n=2).choices], "a stream of n=2")


def prompts(client, create):
    texts = [PROMPT, "object Main {\n"]
    body = dict(max_tokens=8, temperature=0)
    wanted = [client.generate(text, 8) for text in texts]
    ids = [client.tokenize(text) for text in texts]
    for what, prompt in (("two texts", texts), ("two lists of ids", ids)):
        client.equal([each.text for each in create(prompt=prompt, **body).choices], wanted, what)
    client.equal(create(prompt=ids[1], **body).choices[0].text, wanted[1], "a list of ids")
    token = client.tokenize(" where")[0]
    client.equal(create(prompt=PROMPT, max_tokens=3, logit_bias={str(token): 100}).choices[0].text,
                 " where" * 3, "logit_bias of 100")
    before, behind = client.work / "before", client.work / "behind"
    before.write_text("main = do\n  let x = ")
    behind.write_text("\n  print x\n")
    filled = client.output("complete", "--prefix-file", before, "--suffix-file", behind, "-n", 8,
                           "--temperature", 0)
    client.equal(create(prompt=before.read_text(), suffix=behind.read_text(), **body)
                 .choices[0].text, filled, "suffix, as `complete` fills in")


def fails(client, kind, call, what, *words):
    """A call that has to throw an exception of a kind, whose text has some words."""
    try:
        came = call()
    except openai.APIStatusError as error:
        return client.check(type(error) is kind and all(word in str(error) for word in words), what,
                            f"{type(error).__name__}: {error}")
    return client.check(False, what, came)


def errors(client, api, create):
    fails(client, openai.BadRequestError, lambda: create(prompt="a", n=99), "n=99", "'n'", "99", "16")
    try:
        create(prompt="a", temperature=-1)
    except openai.BadRequestError as error:
        client.equal((error.status_code, error.param, error.type),
                     (400, "temperature", "invalid_request_error"), "temperature=-1 names the field")
    fails(client, openai.BadRequestError, lambda: create(prompt=[1] * 1100), "a prompt of 1100 tokens",
          "1100", "1024")
    fails(client, openai.BadRequestError,
          lambda: create(prompt="a", extra_body={"grammar": "root ::= [0-9]"}), "a grammar", "grammar")
    fails(client, openai.BadRequestError,
          lambda: api.chat.completions.create(
              model="nano", messages=[{"role": "user", "content": "hi"}]), "a chat", "/v1/completions")
    fails(client, openai.NotFoundError,
          lambda: api.embeddings.create(model="nano", input="a"), "embeddings", "/v1/embeddings")


def keys_and_limits(client):
    keys = client.work / "keys"
    keys.write_text("right\n")
    with Server(client.program, "--sequences", "1", "--api-key-file", str(keys)) as server:
        def api(key):
            return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key=key,
                                 max_retries=0, timeout=60)
        wrong, right = api("wrong"), api("right")
        for call in (wrong.models.list, lambda: wrong.completions.create(model="nano", prompt="a")):
            fails(client, openai.AuthenticationError, call, "a wrong key", "Authorization")
        client.equal([each.id for each in right.models.list()], ["nano"], "the right key")
        body = dict(model="nano", prompt="a")
        full = [right.completions.create(**body, n=16, max_tokens=900, stream=True,
                                         extra_body={"ignore_eos": True}) for _ in range(4)]
        fails(client, openai.RateLimitError, lambda: right.completions.create(**body, n=2),
              "a text more than may wait", "64 texts", "65")
        for stream in full:
            stream.close()
        # The package itself asks again, as Retry-After says.
        patient = right.with_options(max_retries=5).completions.create(**body, max_tokens=1)
        client.equal(patient.usage.completion_tokens, 1, "asked again when there is room")
        client.check(wait_for(lambda: server.metrics(
            ["Authorization: Bearer right"])["num_requests_running"] == 0),
            "streams that are closed end", "none runs")


def cancelled(client):
    """On a server of its own, whose counts are known."""
    with Server(client.program) as server:
        api = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none")
        stream = api.completions.create(model="nano", prompt=PROMPT, max_tokens=900, stream=True,
                                        extra_body={"ignore_eos": True})
        first = next(iter(stream)).choices[0].text
        client.equal(server.metrics()["num_requests_running"], 1, "a stream runs")
        stream.close()
        ended = wait_for(lambda: server.is_idle())
        counts = server.metrics()
        client.check(ended and counts['request_success_total{finished_reason="abort"}'] == 1,
                     "a stream that is closed is cancelled", f"{first!r}, then one aborted")
        client.equal(counts["kv_cache_usage_perc"], 0, "its pages are given back")


def at_once(client):
    """Many streams of the asynchronous client: each is what it is alone."""
    async def read(api, seed):
        stream = await api.completions.create(model="nano", prompt=PROMPT, max_tokens=30,
                                              temperature=0.8, seed=seed, stream=True)
        return "".join([event.choices[0].text async for event in stream])

    async def read_all():
        async with openai.AsyncOpenAI(base_url=client.url + "/v1", api_key="none") as api:
            return await asyncio.gather(*(read(api, seed) for seed in range(12)))
    texts = asyncio.run(read_all())
    wanted = [client.generate(PROMPT, 30, "--temperature", 0.8, "--seed", seed)
              for seed in range(12)]
    client.equal(texts, wanted, "12 asynchronous streams at a time")


def checks(client):
    api = openai.OpenAI(base_url=client.url + "/v1", api_key="none", max_retries=0, timeout=60)

    def create(**body):
        return api.completions.create(model="nano", **body)
    client.equal([each.id for each in api.models.list()], ["nano"], "models")
    whole_texts(client, create)
    scores(client, create)
    streams(client, create)
    prompts(client, create)
    errors(client, api, create)
    keys_and_limits(client)
    cancelled(client)
    at_once(client)


if __name__ == "__main__":
    Client(f"openai {openai.__version__}").run(checks)
