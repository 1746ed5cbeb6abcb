"""Signatures: what was said stays said, whoever has the key now."""

from hypothesis import given
from hypothesis import strategies as st

from sandboxes.inside.chain import Chain


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_messages_are_accepted_in_their_order(messages):
    speaker, listener = Chain(b"secret"), Chain(b"secret")
    assert all(listener.accepts(message, speaker.sign(message)) for message in messages)


def test_replayed_changed_and_dropped_messages_are_refused():
    speaker = Chain(b"secret")
    first, second = speaker.sign(b"failed"), speaker.sign(b"finished")
    assert not Chain(b"secret").accepts(b"passed", first)
    assert not Chain(b"secret").accepts(b"finished", second)
    listener = Chain(b"secret")
    assert listener.accepts(b"failed", first) and not listener.accepts(b"failed", first)


def test_nothing_is_accepted_after_a_refusal():
    speaker, listener = Chain(b"secret"), Chain(b"secret")
    assert not listener.accepts(b"a", "é" * 64)
    assert not listener.accepts(b"b", speaker.sign(b"b"))


def test_stolen_key_says_nothing_about_the_past():
    speaker = Chain(b"secret")
    signature = speaker.sign(b"failed")
    thief = Chain(speaker._key)
    assert thief.sign(b"passed") != Chain(b"secret").sign(b"passed")
    assert Chain(b"secret").accepts(b"failed", signature)
