"""PUT /profile with a picture: what is taken, how it is kept, and what is refused without changing anything."""

import base64
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from PIL import Image

from services import clock, pictures
from tests.parts import forms, images
from tests.parts.images import BLUE, RED, encoded, gif, jpeg, marked, plain, png
from tests.resources.gallery import MOST_BYTES, Gallery, data_uri
from tests.resources.problem import code_of, errors_of

KINDS = {"png": png, "jpeg": jpeg, "gif": gif}


def shown(raw: bytes) -> Image.Image:
    """Decoded, with the form of its file checked."""
    image = Image.open(BytesIO(raw))
    if image.format == "PNG":
        assert set(images.chunks_of(raw)) == {"IHDR", "IDAT", "IEND"}
    else:
        assert set(images.segments_of(raw)) <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
    return image.convert("RGBA")


def is_like(pixel: Any, colour: tuple[int, ...]) -> bool:
    return all(abs(one - two) < 30 for one, two in zip(pixel, colour, strict=False))


def red_corner(image: Image.Image) -> str:
    corners = {"upper left": (5, 5), "upper right": (-6, 5), "lower right": (-6, -6), "lower left": (5, -6)}
    width, height = image.size
    found = [name for name, (x, y) in corners.items() if is_like(image.getpixel((x % width, y % height)), RED)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_kept_by_what_it_is_not_by_how_it_is_called(gallery: Gallery, kind: str) -> None:
    suffix = ".jpg" if kind == "jpeg" else ".png"
    for name in ("picture.png", "picture.jpg", "picture.JPEG", "picture.gif", "picture.exe", "picture", ".png"):
        assert gallery.send(KINDS[kind](), filename=name, kind="text/html").status_code == 200
        assert gallery.path().endswith(suffix)
        assert red_corner(shown(gallery.stored())) == "upper left"
    for claimed in ("png", "jpeg", "jpg", "gif"):
        assert gallery.send_uri(KINDS[kind](), claimed).status_code == 200
        assert gallery.path().endswith(suffix)


def test_text_fields_may_come_beside_it_in_both_ways(gallery: Gallery) -> None:
    answer = gallery.send(png(), forms.text("first_name", "Zoë"), forms.text("phone_number", "+44 1632 960961"))
    assert answer.get_json() | {"last_activity": ""} == gallery.profile()
    assert (answer.get_json()["first_name"], answer.get_json()["phone_number"]) == ("Zoë", "+441632960961")
    first = gallery.stored()
    assert gallery.send_uri(jpeg(), last_name="King", first_name=None).status_code == 200
    assert (gallery.profile()["first_name"], gallery.profile()["last_name"]) == (None, "King")
    assert gallery.stored() != first
    assert gallery.send_body(forms.body(forms.text("first_name", "Augusta"))).get_json()["first_name"] == "Augusta"


def test_names_are_random_and_new_with_each_picture(gallery: Gallery) -> None:
    names = set()
    for _ in range(5):
        gallery.send(png())
        name = gallery.path().rsplit("/", 1)[1]
        assert pictures.NAME.fullmatch(name)
        names.add(name)
        assert [file.name for file in gallery.files()] == [name]
    assert len(names) == 5


def test_it_is_removed_with_its_file(gallery: Gallery) -> None:
    gallery.send(png())
    path = gallery.path()
    assert gallery.door.ask("DELETE", "/profile/picture", token=gallery.access).status_code == 204
    assert (gallery.profile()["profile_picture"], gallery.files()) == (None, [])
    assert gallery.door.get(path).status_code == 404
    assert gallery.door.ask("DELETE", "/profile/picture", token=gallery.access).status_code == 204
    gallery.send(png())
    assert gallery.door.put("/profile", {"profile_picture": None}, gallery.access).get_json()["profile_picture"] is None
    assert gallery.files() == []
    assert code_of(gallery.door.ask("DELETE", "/profile/picture")) == "authentication_required"


@pytest.mark.parametrize("way", ["send", "send_uri"])
def test_a_refused_picture_leaves_everything_as_it_was(gallery: Gallery, way: str) -> None:
    gallery.send(png())
    before, kept = gallery.profile(), gallery.stored()
    for bad in (b"", b"no picture", png()[:40], jpeg()[:300], gif()[:60]):
        if way == "send":
            answer = gallery.send(bad, forms.text("first_name", "Eve"))
        else:
            answer = gallery.send_uri(bad, first_name="Eve")
        assert (answer.status_code, code_of(answer)) == (422, "invalid_image")
        assert (gallery.profile(), gallery.stored()) == (before, kept)


def test_a_refused_field_leaves_the_old_picture_and_no_new_file(gallery: Gallery) -> None:
    gallery.door.account("bea", "bea@example.org")
    gallery.send(png())
    before, kept = gallery.profile(), gallery.stored()
    taken = gallery.send(jpeg(), forms.text("username", "BEA"), forms.text("first_name", "Eve"))
    assert code_of(taken) == "username_taken"
    assert set(errors_of(gallery.send(jpeg(), forms.text("phone_number", "12")))) == {"phone_number"}
    assert set(errors_of(gallery.send(jpeg(), forms.text("is_admin", "true")))) == {"is_admin"}
    assert (gallery.profile(), gallery.stored()) == (before, kept)


def test_a_tired_token_may_send_a_picture_but_no_address(gallery: Gallery) -> None:
    gallery.send(png())
    before, kept = gallery.profile(), gallery.stored()
    with time_machine.travel(clock.now() + timedelta(seconds=700)):
        both = gallery.send(jpeg(), forms.text("email", "new@example.org"))
        assert code_of(both) == "reauthentication_required"
        assert (gallery.profile(), gallery.stored()) == (before, kept)
        assert gallery.send(jpeg()).status_code == 200


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_it_is_turned_upright(gallery: Gallery, kind: str) -> None:
    turned = {1: "upper left", 2: "upper right", 3: "lower right", 4: "lower left"}
    turned |= {5: "upper left", 6: "upper right", 7: "lower right", 8: "lower left"}
    for orientation, corner in turned.items():
        assert gallery.send(KINDS[kind](exif=images.located(orientation))).status_code == 200
        image = shown(gallery.stored())
        assert image.size == ((60, 40) if orientation < 5 else (40, 60))
        assert red_corner(image) == corner
    gallery.send(KINDS[kind](exif=images.located(99)))
    assert red_corner(shown(gallery.stored())) == "upper left"


def test_it_has_at_most_512_by_512_pixels_in_its_proportion(gallery: Gallery) -> None:
    sizes = {(512, 512): (512, 512), (513, 400): (512, 399), (2000, 1000): (512, 256), (300, 3000): (51, 512)}
    for given, wanted in sizes.items() | {((1, 1), (1, 1)), ((5000, 1), (512, 1)), ((600, 20), (512, 17))}:
        for kind in ("PNG", "JPEG", "GIF"):
            assert gallery.send(encoded(plain(given), kind)).status_code == 200
            image = shown(gallery.stored())
            assert image.size == wanted
            assert is_like(image.getpixel((0, 0)), RED)


def test_the_first_frame_is_kept(gallery: Gallery) -> None:
    frames: dict[str, Any] = {"save_all": True, "append_images": [plain(colour=BLUE), plain(colour=(0, 200, 0))]}
    for kind in ("GIF", "PNG", "MPO"):
        assert gallery.send(encoded(plain(), kind, **frames)).status_code == 200
        raw = gallery.stored()
        assert getattr(Image.open(BytesIO(raw)), "n_frames", 1) == 1
        assert is_like(shown(raw).getpixel((20, 20)), RED)
        assert gallery.path().endswith(".jpg" if kind == "MPO" else ".png"), "a phone's stereo JPEG is a JPEG"


def test_every_kind_of_pixel_keeps_its_colour(gallery: Gallery) -> None:
    half = plain((600, 600), (*RED, 128), "RGBA")
    palette = plain((600, 600), RED).quantize(4)
    files = {
        "CMYK": (encoded(plain((600, 600), (0, 255, 255, 0), "CMYK"), "JPEG"), (255, 0, 0)),
        "grey JPEG": (encoded(plain((600, 600), 90, "L"), "JPEG"), (90, 90, 90)),
        "progressive": (encoded(plain((600, 600)), "JPEG", progressive=True), RED),
        "16 bit": (encoded(Image.new("I;16", (600, 600), 90 << 8), "PNG"), (90, 90, 90)),
        "one bit": (encoded(plain((600, 600), 1, "1"), "PNG"), (255, 255, 255)),
        "grey": (encoded(plain((600, 600), (90, 255), "LA"), "PNG"), (90, 90, 90, 255)),
        "palette": (encoded(palette, "PNG"), RED),
        "half": (encoded(half, "PNG"), (*RED, 128)),
        "clear palette": (encoded(palette, "PNG", transparency=palette.getpixel((0, 0))), (*RED, 0)),
        "clear GIF": (encoded(palette, "GIF", transparency=palette.getpixel((0, 0))), (*RED, 0)),
        "interlaced": (encoded(palette, "GIF", interlace=1), RED),
    }
    for name, (file, colour) in files.items():
        assert gallery.send(file).status_code == 200, name
        pixel: Any = shown(gallery.stored()).getpixel((200, 200))
        assert is_like(pixel, colour[:3]) or pixel[3] == 0, (name, pixel)
        assert abs(pixel[3] - (colour[3] if len(colour) > 3 else 255)) < 3, (name, pixel)


def test_a_file_of_the_greatest_size_is_taken_and_one_byte_more_is_not(gallery: Gallery) -> None:
    for way in (gallery.send, gallery.send_uri):
        assert way(images.of_size(MOST_BYTES)).status_code == 200
        kept = gallery.stored()
        assert code_of(way(images.of_size(MOST_BYTES + 1))) == "payload_too_large"
        assert gallery.stored() == kept


def test_the_body_is_bounded_by_four_thirds_of_that_and_64_kib(gallery: Gallery) -> None:
    most = -(-4 * MOST_BYTES // 3) + 64 * 1024
    start = b'{"profile_picture": "' + data_uri(images.of_size(MOST_BYTES)).encode() + b'"'
    for size, status in ((most, 200), (most + 1, 413)):
        assert gallery.send_body(start.ljust(size - 1) + b"}", "application/json").status_code == status


def test_all_but_the_picture_is_64_kib(gallery: Gallery) -> None:
    """Bounded before it is parsed: here by blanks, before and behind it, and in its name."""
    most, picture = 64 * 1024, b'"profile_picture": "' + data_uri(images.of_size(100_000)).encode() + b'"'
    for front, behind, status in ((0, most - 22, 200), (most - 22, 0, 200), (0, most, 413), (most, 0, 413)):
        raw = b"{" + b" " * front + picture + b" " * behind + b"}"
        assert gallery.send_body(raw, "application/json").status_code == status
    escaped = b"{" + picture.replace(b"/", rb"\/").replace(b"+", rb"\u002B") + b"}"
    assert gallery.send_body(escaped, "application/json").status_code == 200
    for twice in (b"{" + picture + b"," + picture + b"}", b"{" + picture + b', "profile_picture": null}'):
        assert code_of(gallery.send_body(twice, "application/json")) in ("payload_too_large", "malformed_json")


def test_a_form_is_bounded_like_json(gallery: Gallery) -> None:
    most = -(-4 * MOST_BYTES // 3) + 64 * 1024
    beside = forms.text("first_name", "x" * 60_000)
    assert set(errors_of(gallery.send(images.of_size(MOST_BYTES), beside))) == {"first_name"}
    whole = forms.body(forms.file(images.of_size(MOST_BYTES)))
    assert code_of(gallery.send_body(whole.ljust(most + 1))) == "payload_too_large"


def test_without_a_picture_it_is_64_kib_again(gallery: Gallery) -> None:
    before = gallery.profile()
    for size, status in ((64 * 1024, 200), (64 * 1024 + 1, 413)):
        assert gallery.send_body(b'{"first_name": "Ada"'.ljust(size - 1) + b"}", "application/json").status_code == status
        empty = b'{"first_name": "Ada", "profile_picture": null'.ljust(size - 1) + b"}"
        assert gallery.send_body(empty, "application/json").status_code == status
        form = forms.body(forms.text("first_name", "Ada"))
        assert gallery.send_body(form.ljust(size)).status_code == status
    assert gallery.profile() == before


def test_a_data_uri_is_a_picture_in_base64_and_nothing_else(gallery: Gallery) -> None:
    whole = base64.b64encode(png()).decode()
    for wrong in (
        "",
        whole,
        "data:,x",
        f"data:image/png,{whole}",
        f"data:image/svg+xml;base64,{whole}",
        f"data:text/html;base64,{whole}",
        f"data:image/png;base64,{whole}\n",
        f"data:image/png;base64,{whole[:-3]}",
        f"data:image/png;base64,={whole}",
        f"data:image/png;charset=utf-8;base64,{whole}",
        "http://127.0.0.1/picture.png",
        "file:///etc/passwd",
        "/etc/passwd",
    ):
        answer = gallery.door.put("/profile", {"profile_picture": wrong}, gallery.access)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_image"), wrong
    for odd in (7, True, ["data:"], {"data": whole}):
        answer = gallery.door.put("/profile", {"profile_picture": odd}, gallery.access)
        assert set(errors_of(answer)) == {"profile_picture"}
    assert gallery.files() == []


def test_too_many_pictures_at_once_are_told_to_come_back(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "WAIT_SECONDS", 0.05)
    taken = [pictures._room.acquire(blocking=False) for _ in range(pictures.AT_ONCE)]
    try:
        answer = gallery.send(png(), forms.text("first_name", "Eve"))
    finally:
        for _ in filter(None, taken):
            pictures._room.release()
    assert (answer.status_code, answer.get_json()["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert (gallery.profile()["first_name"], gallery.files()) == ("Ada", [])
    for _ in range(2 * pictures.AT_ONCE):
        assert gallery.send(png()[:50]).status_code == 422, "a refused picture gives its room back"
    assert gallery.send(png()).status_code == 200


def test_a_disk_that_takes_no_picture_costs_nothing_else(gallery: Gallery) -> None:
    gallery.send(png())
    before, aside = gallery.profile(), gallery.folder.with_name("aside")
    gallery.folder.rename(aside)
    gallery.folder.write_text("no folder")
    answer = gallery.send(jpeg(), forms.text("first_name", "Eve"))
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    gallery.folder.unlink()
    aside.rename(gallery.folder)
    assert gallery.profile() == before
    assert gallery.send(jpeg()).status_code == 200


def test_a_picture_that_no_account_names_is_swept_once_it_is_old(gallery: Gallery) -> None:
    gallery.send(png())
    owned = gallery.files()[0].name
    orphan, half = "o" * 43 + ".png", f".{'h' * 43}.jpg.part"
    for name in (orphan, half, "notes.txt"):
        (gallery.folder / name).write_bytes(b"x")
    with gallery.door.app.app_context():
        assert pictures.sweep() == 0, "they may belong to a call that is still under way"
        with time_machine.travel(clock.now() + timedelta(hours=1, seconds=5)):
            assert pictures.sweep() == 2
            assert pictures.sweep() == 0
    assert [file.name for file in gallery.files()] == sorted([owned, "notes.txt"])
    (gallery.folder / "notes.txt").unlink()
    assert red_corner(shown(gallery.stored())) == red_corner(marked())


def test_a_picture_of_another_color_profile_is_converted(gallery: Gallery) -> None:
    """The profile says that red is blue; its file goes without the profile, so its pixels must say so."""
    for send in (png(icc_profile=images.swapped_profile()), jpeg(icc_profile=images.swapped_profile(), quality=95)):
        assert gallery.send(send).status_code == 200
        assert is_like(shown(gallery.stored()).getpixel((5, 5)), BLUE)


def test_a_damaged_color_profile_changes_nothing(gallery: Gallery) -> None:
    profile = images.swapped_profile()
    for damaged in (profile[:100], b"x" * 500, profile[:-300]):
        assert gallery.send(png(icc_profile=damaged)).status_code == 200
        assert red_corner(shown(gallery.stored())) == "upper left"


@pytest.mark.parametrize("size", [(1, 25_000_000), (16_385, 1), (1, 16_385)])
def test_a_side_is_bounded_whatever_the_number_of_pixels(gallery: Gallery, size: tuple[int, int]) -> None:
    assert code_of(gallery.send(images.narrow(*size))) == "invalid_image"
    assert gallery.send(images.narrow(16_384, 1)).status_code == 200


def test_a_large_picture_is_made_smaller_without_a_seam(gallery: Gallery) -> None:
    """It is drawn strip by strip: each quarter keeps its color, and all strips are there."""
    assert gallery.send(encoded(marked((3000, 2001)).quantize(4), "PNG")).status_code == 200
    image = shown(gallery.stored())
    width, height = image.size
    assert (width, height) == (512, 342)
    assert all(
        is_like(image.getpixel((5, row)), RED if row < height // 2 else BLUE)
        for row in range(0, height, 7)
        if abs(row - height / 2) > 3
    )
