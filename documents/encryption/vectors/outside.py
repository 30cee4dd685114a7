"""Key blocks from outside the object, sound and hostile."""

from collections.abc import Iterator

from documents.encryption.vectors.case import Vector, opens, refused
from documents.encryption.vectors.keys import kek_id
from documents.encryption.vectors.writer import Draft, bare_stanza, draw, flip, stanza

SECTION = "§7.1"
STRANGER = ("stranger",)

Case = tuple[str, tuple[bytes, ...], str, tuple[str, ...]]


def cases() -> Iterator[Vector]:
    """Vectors of §7.1: what opens because a block from outside is used or set aside, and what is refused."""
    yield from _opened()
    yield from _refused()


def _newer(seed: str, *, seq: int = 1) -> bytes:
    """A sound rewrap of the envelope ``seed`` for the KEK ``stranger`` alone."""
    return Draft(seed).key_block(seq=seq, recipients=STRANGER)


def _forged(seed: str, *, seq: int = 9) -> bytes:
    """A block that anybody can make: another DEK, soundly wrapped for the reader, tagged under that DEK."""
    victim = Draft(seed)
    stanzas = [stanza("primary", Draft("attacker").dek, "forged")]
    forger = Draft("attacker", stanzas=stanzas, edit={"commitment": lambda _: victim.context})
    return forger.key_block(seq=seq)


def _opened() -> Iterator[Vector]:
    for name, blocks, about, keks in (*_rewrapped(), *_set_aside()):
        yield opens(Draft(name), SECTION, about, key_blocks=blocks, keks=keks)


def _rewrapped() -> tuple[Case, ...]:
    return (
        ("rewrapped", (_newer("rewrapped"),), "A newer block for a KEK the header does not know.", STRANGER),
        (
            "rewrapped-twice",
            (_newer("rewrapped-twice"), _newer("rewrapped-twice", seq=2)),
            "Two newer blocks, the older first.",
            STRANGER,
        ),
    )


def _set_aside() -> tuple[Case, ...]:
    return (
        (
            "outside-other-kek",
            (_newer("outside-other-kek"),),
            "A newer block for others; the header's fits.",
            ("primary",),
        ),
        ("outside-same", (Draft("outside-same").key_block(),), "The header's own block again.", ("primary",)),
        (
            "outside-forged",
            (_forged("outside-forged"),),
            "A forged block with the highest kb_seq is set aside.",
            ("primary",),
        ),
        ("outside-garbage", (b"", b"\0" * 60, draw("?", 900)), "Garbage is set aside.", ("primary",)),
        (
            "outside-other-object",
            (_newer("another envelope"),),
            "A block of another envelope.",
            ("primary", "stranger"),
        ),
        (
            "outside-bad-tag",
            (flip(-1)(_newer("outside-bad-tag")),),
            "A block whose tag is wrong unwraps the right DEK; the commitment says so.",
            STRANGER,
        ),
        (
            "outside-eight",
            tuple(_newer("outside-eight", seq=seq) for seq in range(1, 9)),
            "As many blocks as a reader tries.",
            STRANGER,
        ),
    )


def _refused() -> Iterator[Vector]:
    for name, blocks, error, about, keks in (
        (
            "outside-forged-alone",
            (_forged("outside-forged-alone"),),
            "UnwrapFailed",
            "The only block that fits the reader's KEK is forged.",
            ("primary",),
        ),
        (
            "outside-trailing",
            (_newer("outside-trailing") + b"\0",),
            "UnknownKey",
            "A byte behind the block: it is set aside, and nothing is left.",
            STRANGER,
        ),
        ("outside-cut", (_newer("outside-cut")[:-1],), "UnknownKey", "The block is cut short.", STRANGER),
        (
            "outside-damaged",
            (flip(44 + 40)(_newer("outside-damaged")),),
            "UnwrapFailed",
            "The wrapped DEK of the only block that fits is damaged.",
            STRANGER,
        ),
        ("outside-of-other", (_newer("another envelope"),), "UnwrapFailed", "A block of another envelope.", STRANGER),
    ):
        recipients = ("recovery",) if name == "outside-forged-alone" else ("primary", "recovery")
        yield refused(Draft(name, recipients=recipients), error, SECTION, about, key_blocks=blocks, keks=keks)
    for name, step, error in (
        ("header-block-bad-tag", flip(-1), "AuthenticationFailed"),
        ("header-block-flip-wrapped", flip(44 + 40), "AuthenticationFailed"),
        ("header-block-zeros", flip(41), "MalformedEnvelope"),
    ):
        about = "A newer block is sound; the header's must be, too."
        newer = (_newer(name),)
        yield refused(Draft(name, edit={"tagged": step}), error, SECTION, about, key_blocks=newer, keks=STRANGER)
    unknown = Draft("outside-type-unknown", stanzas=[bare_stanza(1, draw("?"), draw("?", 384))])
    block = Draft("outside-type-unknown", stanzas=[bare_stanza(777, kek_id("primary"), b"?")]).key_block(seq=1)
    about = "A block of a type the reader does not know is set aside; the header's names no KEK of the reader's."
    yield refused(unknown, "UnknownKey", SECTION, about, key_blocks=(block,))
