"""HEIC and AVIF files for tests: pictures of 64 x 48 pixels in boxes that can be changed."""

import base64
import struct

from tests.conftest import encoded, picture

# `picture()` by libheif and x265: 64 x 64 pixels coded, cropped by `clap`, and to be turned by `irot`.
HEIC = base64.b85decode(
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0005VZDn*}000000000XXk=`10000000000aA{+700000000000000000000G-+&a"
    "V*mgE07O6l0ssL300001>;M4(00000008v>0ssI200Q9v0RR9100000Bme*aIB98aW&i*H00062000$fZf0cy000000RRAKc4ILB"
    "0000LX>Mj^0ssI300IC2MR;ju000004sdC7Z2$lO00031009SSaB^?}008D`aAR)(004Gqc4I>U18@KU0FVFx0000U@BsY%`1k+-"
    "4+CHT0RR|40Sp2E{{wIU00RJ!0009300RIXx&lC90096hLID8-Z~y=U0FVFx0{{R603M(qfd!W8<fgf}2xu@M00096AOHXZ03l)k"
    "0RRR>0l{;?i2wiq6Ju{|a&BX6cmM$a4FCp!0000KX>)L8000000000$0000$0000eV{Bn?0000$000010000m000010000000002"
    "|NsB+000020000GaA|mH000000|*ER00009X>xCL0{{R38EJ5BVE_OC000000RRC8fdT^sgoXeB02*m>Wo7^X0000001jhhb7KGk"
    "009620003YZDe6|0002-C;_ht;64d!kxI<%h9<kP8O)wol3(${z+V+8X<@nTVAu<U9(x$8eDKw!nT~eEu_%caDTnH&9`tvEd5?Zt"
    "Ik?h^S2)gKewwU+3F6gWu>(Fw;%!U2NP`rl(YicGV993HazEH}MLqkQtqBhAL!=ZtYQ>n&Cvg%_(m`;P1R71PRhTARi|lCFUF=8v"
    "2-NVr-=s~MZnF|eX#|<mT#(p?RFi+)^TS2@XB7TZ0vpYj*27`BvpJ*m@mM1Fimsm`h2Ue4@%nI@X|3n)V28!QapfjJNS1)9@9)2{"
    "QcnQ(0;1F<?zD|~KNsY*-~a#s21R&jW&i+9O#mtY000O80Ra*K0{{R30RRR70000000"
)
TURN = struct.pack(">I4sB", 9, b"irot", 3)


def heic(turn: int = 0, *, mirror: bool = False) -> bytes:
    """Return a HEIC that is to be turned by so many quarters to the left, or mirrored about an axis (0 or 1)."""
    return HEIC.replace(TURN, struct.pack(">I4sB", 9, b"imir" if mirror else b"irot", turn))


def branded(data: bytes, major: bytes) -> bytes:
    """Return a file of boxes with another major brand."""
    return data[:8] + major + data[12:]


def avif(kind: bytes, contents: bytes) -> bytes:
    """Return an AVIF whose picture has one more property."""
    data = encoded(picture(), "AVIF", quality=90)
    box = struct.pack(">I4s", 8 + len(contents), kind) + contents
    pixels = data.index(b"mdat") + 4
    properties = data.index(b"ipco") - 4
    end = properties + int.from_bytes(data[properties : properties + 4], "big")
    association = data.index(b"ipma")  # version and flags, number of items, item, number of its properties, these
    count = data[association + 14]
    index = _count(data, properties + 8, end) + 1
    behind = association + 15 + count
    longer = data[:end] + box + data[end : association + 14]
    longer += bytes([count + 1]) + data[association + 15 : behind] + bytes([0x80 | index]) + data[behind:]
    for name, more in ((b"meta", len(box) + 1), (b"iprp", len(box) + 1), (b"ipco", len(box)), (b"ipma", 1)):
        longer = _grown(longer, longer.index(name) - 4, more)
    return longer.replace(struct.pack(">I", pixels), struct.pack(">I", pixels + len(box) + 1), 1)


def _count(data: bytes, start: int, end: int) -> int:
    count = 0
    while start < end:
        start, count = start + int.from_bytes(data[start : start + 4], "big"), count + 1
    return count


def _grown(data: bytes, start: int, more: int) -> bytes:
    size = int.from_bytes(data[start : start + 4], "big") + more
    return data[:start] + struct.pack(">I", size) + data[start + 4 :]
