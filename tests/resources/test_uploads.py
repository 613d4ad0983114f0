"""The bodies that bring a picture, malformed in every way; and how a picture is served."""

import pytest

from tests.parts import images
from tests.parts.forms import BOUNDARY, CONTENT_TYPE, body, file, text
from tests.parts.images import jpeg, png
from tests.resources.gallery import Gallery
from tests.resources.problem import code_of, errors_of

ODD_NAMES = (
    "../../../../etc/passwd",
    "..\\\\..\\\\app.py",
    "/etc/passwd",
    "picture.png\\0.html",
    "C:\\\\picture.png",
    "a" * 5000,
    "%2e%2e%2fpicture.png",
    ".htaccess",
    "<script>alert(1)</script>.png",
    "bild-Ä-\u202egnp.exe",
    "con.png",
    "",
    ";drop table users",
)
A_YEAR = "public, max-age=31536000, immutable"


def test_what_the_file_is_called_changes_nothing(gallery: Gallery) -> None:
    for name in ODD_NAMES:
        assert gallery.send(png(), filename=name).status_code == 200, name
        assert gallery.stored()
        assert all(part not in gallery.path() for part in ("passwd", "script", "picture.png"))
    assert [found.name for found in gallery.folder.parent.iterdir()] == ["profile_pictures"]


def test_a_form_says_nothing_twice(gallery: Gallery) -> None:
    before = gallery.profile()
    for raw in (
        body(text("first_name", "Eve"), text("first_name", "Mallory")),
        body(file(png()), file(jpeg())),
        body(text("profile_picture", "data:,"), file(png())),
    ):
        assert code_of(gallery.send_body(raw)) == "malformed_json"
    assert (gallery.profile(), gallery.files()) == (before, [])


def test_a_form_of_a_thousand_parts_is_too_large(gallery: Gallery) -> None:
    for parts in ([text(f"a{n}", "x") for n in range(1001)], [file(b"x", name=f"a{n}") for n in range(1001)]):
        assert code_of(gallery.send_body(body(*parts))) == "payload_too_large"
    assert code_of(gallery.send_body(body(file(png()), *[text("first_name", "x")] * 1001))) == "payload_too_large"


def test_a_form_that_is_cut_or_garbled_is_malformed(gallery: Gallery) -> None:
    before, whole = gallery.profile(), body(text("first_name", "Eve"), file(png()))
    for size in range(1, len(whole) - 3, 7):
        assert code_of(gallery.send_body(whole[:size])) == "malformed_json", size
    for raw in (b"x", b"--", b"\r\n\r\n", whole.replace(b"walked", b"walkie"), whole.replace(b"\r\n\r\n", b"\r\n")):
        assert code_of(gallery.send_body(raw)) in ("malformed_json", "payload_too_large")
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\u00e4"):
        assert code_of(gallery.send_body(whole, kind)) == "malformed_json", kind
    assert (gallery.profile(), gallery.files()) == (before, [])


def test_a_form_holds_text_in_utf_8_without_nul(gallery: Gallery) -> None:
    before = gallery.profile()
    for raw in (b"Eve\0", b"\0", b"\xff\xfeEve", b"Zo\xeb", b"\xed\xa0\x80"):
        assert code_of(gallery.send_body(body(text("first_name", raw)))) == "malformed_json", raw
    assert gallery.profile() == before
    assert gallery.send_body(body(text("first_name", "山田 \U0001f600"))).get_json()["first_name"] == "山田 \U0001f600"


def test_a_field_that_the_call_does_not_know_is_named(gallery: Gallery) -> None:
    before = gallery.profile()
    unknown = "This call does not know this field."
    assert errors_of(gallery.send(png(), text("is_admin", "1"))) == {"is_admin": [unknown]}
    assert errors_of(gallery.send_body(body(file(png(), name="avatar")))) == {"avatar": [unknown]}
    assert set(errors_of(gallery.send_body(body(file(b"Eve", name="first_name"))))) == {"first_name"}
    assert (gallery.profile(), gallery.files()) == (before, [])


def test_an_empty_body_changes_nothing_whatever_it_is_called(gallery: Gallery) -> None:
    before = gallery.profile()
    for kind in (CONTENT_TYPE, "multipart/form-data", "application/json", "text/plain", "image/png"):
        answer = gallery.send_body(b"", kind)
        assert (answer.status_code, answer.get_json() | {"last_activity": ""}) == (200, before), kind
    assert gallery.send_body(body()).status_code == 200
    assert gallery.profile() == before


def test_other_kinds_of_body_are_not_taken(gallery: Gallery) -> None:
    form = body(file(png()))
    for kind in ("image/png", "text/plain", "application/octet-stream", f"multipart/mixed; boundary={BOUNDARY}", ""):
        assert code_of(gallery.send_body(form, kind)) == "unsupported_media_type", kind
    packed = gallery.door.ask(
        "PUT", "/profile", token=gallery.access, data=form, headers={"Content-Encoding": "gzip"}, content_type=CONTENT_TYPE
    )
    assert code_of(packed) == "unsupported_media_type"
    assert gallery.files() == []


@pytest.mark.parametrize("path", ["/signup", "/login", "/forgot-password", "/mfa"])
def test_no_other_call_takes_a_form_of_parts(gallery: Gallery, path: str) -> None:
    answer = gallery.door.post(path, token=gallery.access, data=body(file(png())), content_type=CONTENT_TYPE)
    assert code_of(answer) == "unsupported_media_type"


def test_a_picture_is_served_so_that_it_can_be_nothing_else_and_is_kept(gallery: Gallery) -> None:
    for content, kind in ((png(), "image/png"), (jpeg(), "image/jpeg")):
        gallery.send(content)
        answer = gallery.door.get(gallery.path())
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (
            answer.headers["Content-Security-Policy"] == "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
        )
        assert answer.headers["Cache-Control"] == A_YEAR
        assert "Content-Disposition" not in answer.headers or answer.headers["Content-Disposition"].startswith("inline")
        assert not {"Set-Cookie", "Session-Idle-Expires", "X-RateLimit-Limit"} & set(answer.headers.keys())


def test_conditional_partial_and_head_requests_are_answered(gallery: Gallery) -> None:
    gallery.send(png())
    path = gallery.path()
    whole = gallery.door.get(path)
    raw, tag = whole.get_data(), whole.headers["ETag"]
    head = gallery.door.ask("HEAD", path)
    assert (head.status_code, head.get_data(), head.headers["Content-Length"]) == (200, b"", str(len(raw)))
    same = gallery.door.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.get_data(), same.headers["Cache-Control"]) == (304, b"", A_YEAR)
    since = gallery.door.get(path, headers={"If-Modified-Since": whole.headers["Last-Modified"]})
    assert since.status_code == 304
    assert gallery.door.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    for wanted, part in {"bytes=0-9": raw[:10], "bytes=5-": raw[5:], "bytes=-4": raw[-4:]}.items():
        answer = gallery.door.get(path, headers={"Range": wanted})
        assert (answer.status_code, answer.get_data()) == (206, part)
        assert answer.headers["Cache-Control"] == A_YEAR
    old = gallery.door.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (old.status_code, old.get_data()) == (200, raw)


@pytest.mark.parametrize("wanted", ["bytes=900000-", "bytes=9-1", "bytes=x", "lines=1-2", "bytes=0-1,3-4", "bytes=", "-"])
def test_a_range_that_cannot_be_met_is_ignored(gallery: Gallery, wanted: str) -> None:
    gallery.send(png())
    answer = gallery.door.get(gallery.path(), headers={"Range": wanted})
    assert (answer.status_code, answer.get_data()) == (200, gallery.files()[0].read_bytes())


def test_nothing_else_is_served_from_there(gallery: Gallery) -> None:
    gallery.send(png())
    name = gallery.files()[0].name
    (gallery.folder / "notes.txt").write_text("not-a-picture")
    (gallery.folder / f".{name}.part").write_text("half")
    wrong = (
        "x" * 43 + ".png",
        "notes.txt",
        f".{name}.part",
        name.upper(),
        f"{name}%00",
        f"{name}%20",
        name[:-4],
        f"{name}.png",
    )
    ways_out = (
        "../app.py",
        "..%2fapp.py",
        "..%2f..%2fapp.py",
        "%2e%2e%2fapp.py",
        "..%5capp.py",
        "....//app.py",
        "%2fetc%2fpasswd",
        "",
    )
    for odd in (*wrong, *ways_out, f"./{name}", f"x/../{name}", f"{name}/", f"%0a{name}", "~root", "con", "*"):
        answer = gallery.door.get(f"/uploads/profile_pictures/{odd}")
        assert answer.status_code in (404, 308), odd
        assert b"not-a-picture" not in answer.get_data()
    for path in ("/uploads", "/uploads/", "/uploads/notes.txt", "/uploads/profile_pictures"):
        assert gallery.door.get(path).status_code == 404
    assert gallery.door.ask("DELETE", gallery.path()).status_code == 405
    assert gallery.door.ask("PUT", gallery.path(), data=b"x").status_code == 405
    (gallery.folder / "notes.txt").unlink()
    (gallery.folder / f".{name}.part").unlink()


def test_serving_is_never_limited(gallery: Gallery) -> None:
    gallery.send(png())

    def limits(path: str) -> set[str]:
        answer = gallery.door.get(path, gallery.access)
        return {name for name, _ in answer.headers if name.startswith("X-RateLimit")}

    assert limits("/profile") == {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    assert limits(gallery.path()) == limits("/uploads/profile_pictures/x") == set()


def test_a_picture_is_no_ones_secret_but_cannot_be_guessed(gallery: Gallery) -> None:
    """Whoever has the address sees it, signed in or not; the name says nothing of the person."""
    gallery.send(png())
    path = gallery.path()
    assert gallery.door.get(path).status_code == 200
    user = gallery.profile()
    assert all(str(user[field]).replace("-", "") not in path.replace("-", "") for field in ("id", "email"))
    assert len(path.rsplit("/", 1)[1]) == 47
    gallery.send(images.gif())
    assert gallery.door.get(path).status_code == 404
