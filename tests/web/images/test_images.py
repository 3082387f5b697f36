"""Images: checked by content, written anew without metadata, stored whole or not at all."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageCms

from changemaker_core import Config, ImageRejected, ImagesUnavailable, ImageUse, Plugin, hookimpl
from changemaker_core.features.operations.images import delete_unused_images
from changemaker_core.testing import client_of
from changemaker_core.web.images import store
from changemaker_core.web.images.markup import image_markup
from changemaker_core.web.images.paths import ImagePath
from changemaker_core.web.images.store import UNUSED_FOR, Images

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path / "images")


def picture(kind: str = "JPEG", size: tuple[int, int] = (1200, 800), **save: Any) -> bytes:
    image = Image.new("RGB", size, "green")
    image.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    return encoded(image, kind, **save)


def encoded(image: Image.Image, kind: str, **save: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **save)
    return written.getvalue()


def stored(images: Images, path: str, file: str = "") -> bytes:
    parsed = ImagePath.parse(path)
    assert parsed is not None
    found = images.file(parsed.owner, parsed.name, file or path.rpartition("/")[2])
    assert found is not None
    return found.read_bytes()


def opened(images: Images, path: str, file: str = "") -> Image.Image:
    return Image.open(io.BytesIO(stored(images, path, file)))


async def test_an_upload_is_read(images: Images) -> None:
    class Sent:
        async def read(self) -> bytes:
            return picture()

    class Lost:
        async def read(self) -> bytes:
            raise OSError("the disk is gone")

    path = await images.add("garden", Sent())
    assert path == images.add_now("garden", picture())
    for _ in range(store.AT_ONCE + store.WAITING + 1):
        with pytest.raises(OSError, match="the disk is gone"):
            await images.add("garden", Lost())  # and holds no place
    images.close()


def test_an_image_is_stored_in_each_width_that_it_has(images: Images) -> None:
    path = images.add_now("garden", picture())
    parsed = ImagePath.parse(path)
    assert parsed is not None
    assert (parsed.owner, parsed.width, parsed.height) == ("garden", 1200, 800)
    assert parsed.widths == [480, 960, 1200]
    for width in parsed.widths:
        for extension, kind in (("webp", "WEBP"), ("jpg", "JPEG")):
            variant = opened(images, path, f"{width}.{extension}")
            assert (variant.format, variant.size) == (kind, (width, width * 800 // 1200))
    # The colours: red above and left, green below and right.
    red, green = (opened(images, path).getpixel(at) for at in ((10, 10), (1190, 790)))
    assert isinstance(red, tuple)
    assert isinstance(green, tuple)
    assert red[0] > 200
    assert green[0] < 50


@pytest.mark.parametrize(
    ("width", "widths"), [(100, [100]), (480, [480]), (4000, [480, 960, 1600])]
)
def test_a_small_image_is_not_enlarged_and_a_large_one_is_reduced(
    images: Images, width: int, widths: list[int]
) -> None:
    parsed = ImagePath.parse(images.add_now("garden", picture(size=(width, 50))))
    assert parsed is not None
    assert parsed.widths == widths


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_content_says_what_it_is_and_the_name_nothing(
    images: Images, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "evil.svg"
    file.write_bytes(picture(kind))
    assert images.add_now("garden", file).endswith("/1200.jpg")


def test_transparency_is_kept(images: Images) -> None:
    logo = encoded(Image.new("RGBA", (600, 600), (255, 0, 0, 0)), "PNG")
    path = images.add_now("garden", logo)
    assert path.endswith("/600.png")
    assert opened(images, path).getpixel((0, 0)) == (255, 0, 0, 0)
    opaque = encoded(Image.new("RGBA", (600, 600), "red"), "PNG")
    assert images.add_now("garden", opaque).endswith(".jpg")


def test_a_photograph_is_upright_and_says_nothing_of_its_place(images: Images) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    exif[0x010E] = "taken at home"
    exif.get_ifd(0x8825)[1] = "N"  # a place
    path = images.add_now("garden", picture(exif=exif, comment=b"private"))
    for file in ("800.jpg", "480.webp"):
        variant = opened(images, path, file)
        assert variant.height > variant.width
        assert not variant.getexif()
        assert not {"exif", "comment", "icc_profile", "xmp"} & variant.info.keys()
        assert b"home" not in stored(images, path, file)


def test_colours_are_converted_and_a_broken_profile_does_no_harm(images: Images) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    paths = {images.add_now("garden", picture(icc_profile=p)) for p in (srgb, lab, b"broken")}
    assert len(paths) == 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16", "RGBA"])
def test_every_kind_of_pixel_is_read(images: Images, mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert images.add_now("garden", encoded(Image.new(mode, (64, 64)), kind))


def test_of_an_animation_the_first_frame_is_shown(images: Images) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    still = opened(images, images.add_now("garden", moving))
    assert getattr(still, "n_frames", 1) == 1


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"hello",
    "svg": lambda: SVG,
    "html": lambda: b"<html><script>alert(1)</script>",
    "half": lambda: picture()[:2000],
    "broken": lambda: picture("PNG")[:200] + b"\xff" * 400,
    "bomb": lambda: bomb(60_000, 60_000),
    "long": lambda: bomb(1, 30_000),
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "tiff": lambda: picture("TIFF"),
    "too large a file": lambda: b"x" * (store.MAX_BYTES + 1),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_anything_else_is_rejected_and_leaves_nothing(
    images: Images, tmp_path: Path, case: str
) -> None:
    with pytest.raises(ImageRejected) as rejected:
        images.add_now("garden", HOSTILE[case]())
    assert rejected.value.reason.endswith(".")
    assert list((tmp_path / "images" / "garden").iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "value", "error"),
    [("MEMORY", 200 * 1024 * 1024, ImageRejected), ("SECONDS", 0.2, ImagesUnavailable)],
)
def test_a_picture_that_needs_too_much_ends_its_process_alone(
    images: Images,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: float,
    error: type[Exception],
) -> None:
    large = encoded(Image.new("RGB", (6000, 6000)), "PNG", compress_level=1)
    monkeypatch.setattr(store, limit, value)
    with pytest.raises(error):
        images.add_now("garden", large)
    assert list((tmp_path / "images" / "garden").iterdir()) == []


def test_a_full_disk_leaves_nothing(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def full(self: Any, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(ImagesUnavailable, match="disk is full"):
        images.add_now("garden", picture())
    assert list((tmp_path / "images" / "garden").iterdir()) == []


def test_the_same_picture_is_stored_once_also_by_many_at_the_same_time(
    images: Images, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: images.add_now("garden", picture()), range(4)))
    assert len(paths) == 1
    assert len(list((tmp_path / "images" / "garden").iterdir())) == 1
    assert images.add_now("tools", picture()) not in paths  # each plugin has its own


async def test_more_than_can_wait_are_refused_at_once(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "AT_ONCE", 0)
    monkeypatch.setattr(store, "WAITING", 0)
    with pytest.raises(ImagesUnavailable, match="waiting"):
        await images.add("garden", picture())


async def test_work_whose_caller_is_gone_counts_until_it_ends(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gate = threading.Event(), threading.Event()

    def work(plugin: str, content: bytes) -> str:
        begun.set()
        gate.wait(10)
        return "/images/garden"

    monkeypatch.setattr(images, "add_now", work)
    monkeypatch.setattr(store, "AT_ONCE", 1)
    monkeypatch.setattr(store, "WAITING", 0)
    caller = asyncio.create_task(images.add("garden", b""))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    await asyncio.wait([caller])
    with pytest.raises(ImagesUnavailable, match="waiting"):
        await images.add("garden", b"")
    gate.set()
    images.close()


def test_a_machine_without_pillow_blames_no_picture(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "resize.py"
    source = store._PROGRAM.read_text()
    program.write_text(source.replace("from PIL import", "from absent import"))
    monkeypatch.setattr(store, "_PROGRAM", program)
    with pytest.raises(ImagesUnavailable, match="Pillow cannot be imported"):
        images.add_now("garden", picture())


def test_only_a_plugin_s_name_is_a_folder(images: Images) -> None:
    for name in ("..", "a/b", "", "A"):
        with pytest.raises(ValueError, match="not the name of a plugin"):
            images.add_now(name, b"")
    assert images.file("garden", "..", "480.jpg") is None
    assert images.file("garden", "0" * 32 + "-1x1", "../../x.jpg") is None


def test_what_is_unused_for_a_week_is_deleted(images: Images, tmp_path: Path) -> None:
    used, unused = (images.add_now("garden", picture(size=(n, 50))) for n in (100, 200))
    left_over = tmp_path / "images" / "garden" / ".new-abc"
    left_over.mkdir()
    now = time.time()
    assert images.delete_unused("garden", [used, "https://example.org/a.png"], now) == 0
    assert images.delete_unused("garden", [used, ""], now + UNUSED_FOR + 60) == 1
    assert opened(images, used)
    assert not left_over.exists()
    with pytest.raises(FileNotFoundError):
        opened(images, unused)


def test_adding_a_picture_again_saves_it_from_deletion(images: Images, tmp_path: Path) -> None:
    path = images.add_now("garden", picture())
    (folder,) = (tmp_path / "images" / "garden").iterdir()
    os.utime(folder, (0, 0))
    assert images.add_now("garden", picture()) == path
    assert images.delete_unused("garden", []) == 0


class GardenPlugin(Plugin):
    name = "garden"
    used: tuple[str, ...] | None = ()

    @hookimpl
    def cm_register_image_uses(self) -> list[ImageUse]:
        def find(site: Any) -> tuple[str, ...]:
            if self.used is None:
                raise RuntimeError("the table is locked")
            return self.used

        return [ImageUse("garden.posters", find)]


class Run:
    def __init__(self, site: Any) -> None:
        self.site = site


@pytest.mark.database("sqlite")
def test_a_job_deletes_only_for_plugins_that_say_what_they_use(
    make_site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(GardenPlugin)
    own, other = (site.images.add_now(owner, picture()) for owner in ("garden", "denied"))
    for folder in (tmp_path / "data" / "images").glob("*/*"):
        os.utime(folder, (0, 0))
    run: Any = Run(site)
    monkeypatch.setattr(GardenPlugin, "used", None)
    with pytest.raises(RuntimeError, match="locked"):
        delete_unused_images(run)
    monkeypatch.setattr(GardenPlugin, "used", (own,))
    delete_unused_images(run)
    assert opened(site.images, own)
    monkeypatch.setattr(GardenPlugin, "used", ())
    delete_unused_images(run)
    assert len(list((tmp_path / "data" / "images").glob("garden/*"))) == 0
    assert opened(site.images, other)


@pytest.mark.database("sqlite")
async def test_an_image_is_served_for_good_and_nothing_else_is(open_app: Any) -> None:
    async with open_app() as app, client_of(app) as client:
        path = await app.site.images.add("garden", picture())
        response = await client.get(path)
        assert response.headers["content-type"] == "image/jpeg"
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert Image.open(io.BytesIO(response.content)).size == (1200, 800)
        part = await client.get(path, headers={"Range": "bytes=0-9"})
        assert (part.status_code, part.content) == (206, response.content[:10])
        webp = await client.get(path.replace("1200.jpg", "480.webp"))
        assert webp.headers["content-type"] == "image/webp"
        folder = path.rpartition("/")[0]
        for wrong in (f"{folder}/source", f"{folder}/481.jpg", f"{folder}/..%2f..%2fx.jpg"):
            assert (await client.get(wrong)).status_code == 404


PATH = f"/images/garden/{'a' * 32}-1200x800/1200.jpg"


def test_a_page_shows_a_picture_in_the_width_that_it_needs() -> None:
    html = image_markup(PATH, 'A "tree"', prefix="/act", sizes="50vw", css_class="cover")
    base = f"/act/images/garden/{'a' * 32}-1200x800"
    assert f'srcset="{base}/480.webp 480w, {base}/960.webp 960w, {base}/1200.webp 1200w"' in html
    assert f'src="{base}/1200.jpg"' in html
    assert 'alt="A &#34;tree&#34;" width="1200" height="800" loading="lazy"' in html
    assert 'class="cover"' in html


@pytest.mark.parametrize(
    ("path", "src"), [("/a.png", "/act/a.png"), ("https://x.org/a", "https://x.org/a")]
)
def test_another_picture_is_shown_as_it_is(path: str, src: str) -> None:
    assert f'<img src="{src}" alt=""' in image_markup(path, "", prefix="/act")


def test_an_address_cannot_leave_its_attribute() -> None:
    html = image_markup('"><script>', '"><script>', css_class='"><script>')
    assert "<script>" not in html


def test_a_site_that_never_stored_one_starts_no_thread(tmp_path: Path) -> None:
    from changemaker_core import Site

    site = Site(Config.for_tests(tmp_path), [])
    assert site.images is not None
    site.close()
