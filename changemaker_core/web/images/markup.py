"""The template function ``image``: a picture in the size that the reader's screen needs."""

from __future__ import annotations

from markupsafe import Markup

from changemaker_core.web.images.paths import ImagePath

_PICTURE = Markup(
    '<picture><source type="image/webp" srcset="{webp}" sizes="{sizes}">'
    '<img src="{src}" srcset="{srcset}" sizes="{sizes}" alt="{alt}" width="{width}"'
    ' height="{height}" loading="{loading}" decoding="async"{css}></picture>'
)
_PLAIN = Markup('<img src="{src}" alt="{alt}" loading="{loading}" decoding="async"{css}>')


def image_markup(
    path: str,
    alt: str,
    *,
    prefix: str = "",
    sizes: str = "100vw",
    loading: str = "lazy",
    css_class: str = "",
) -> Markup:
    """Return a ``picture`` of a stored image, or an ``img`` of any other path or address.

    ``alt`` says what it shows, ``""`` where it is decoration. ``sizes`` is how wide it is shown, as
    HTML's attribute says it. ``prefix`` is put before paths of this site.
    """
    css = Markup(' class="{}"').format(css_class) if css_class else Markup("")
    image = ImagePath.parse(path)
    if image is None:
        src = prefix + path if path.startswith("/") else path
        return _PLAIN.format(src=src, alt=alt, loading=loading, css=css)

    def srcset(extension: str) -> str:
        variants = ((image.variant(width, extension), width) for width in image.widths)
        return ", ".join(f"{prefix}{variant} {width}w" for variant, width in variants)

    return _PICTURE.format(
        webp=srcset("webp"),
        srcset=srcset(image.extension),
        src=f"{prefix}{image}",
        sizes=sizes,
        alt=alt,
        width=image.width,
        height=image.height,
        loading=loading,
        css=css,
    )
