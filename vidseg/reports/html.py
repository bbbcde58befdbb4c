"""HTML report: one page that needs no network, with metrics over time, moments and streams."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from vidseg.errors import OutputError
from vidseg.media.ffmpeg import av_errors, check_target
from vidseg.reports.clock import clock
from vidseg.reports.mask_metrics import PAGES
from vidseg.reports.metrics import Moment
from vidseg.reports.run_report import Report
from vidseg.reports.template import data_uri, filled, shown
from vidseg.settings import RenderSettings
from vidseg.system.files import write_text

_STAGES = {
    "people": "Looking who is there",
    "decode": "Decoding",
    "segment": "Finding people",
    "paint": "Masks and background",
    "encode": "Encoding",
    "mux": "Writing, sound included",
    "measure": "Measuring for this report",
}
_REASONS = {"flicker": "Flicker", "softness": "Soft edge"}
_DAMAGE = {
    "packets": "packets that could not be read",
    "corrupt_frames": "frames that the decoder called damaged",
    "made_up_times": "frames that came without a usable time",
    "lost_frames": "frames that should have been shown and never came",
    "missing_s": "seconds missing at the end",
    "missing_bytes": "bytes by which the file is shorter than it says",
    "late_streams": "streams left out that begin late",
    "missing_sound_s": "seconds of sound missing",
    "lost_background_frames": "frames of the background that never came",
}
_MEANING = (
    ("Coverage", "The share of the picture that is people: the mean of their alpha."),
    (
        "Edge softness",
        "How wide the band is along the people's edge in which they are half transparent, "
        "in pixels of the source. "
        "A peak often means motion blur, hair, or a background of the same colours.",
    ),
    (
        "Flicker",
        "The share of the people that appears or vanishes from one frame to the next "
        "where the picture stays the same. Below 1 % hardly anybody sees it. "
        "A peak means that something was lost or wrongly found.",
    ),
)


def check(settings: RenderSettings) -> None:
    """Raise `OutputError` where the report that `settings` ask for, if any, can't be written."""
    path = settings.report
    if path is None:
        return
    check_target(path, overwrite=settings.overwrite)


def write(report: Report, path: Path, moments: Sequence[Moment] = ()) -> None:
    """Write the page of a report where `path` ends in .html, its JSON otherwise.

    Raises `OutputError` where that fails; the render stays.
    """
    with av_errors(OutputError, f"{path}: the report can't be written, the render is done"):
        if path.suffix.lower() in PAGES:
            write_text(path, page(report, moments))
        else:
            report.write(path)


def page(report: Report, moments: Sequence[Moment] = ()) -> str:
    """Return the page of a report; `moments`: those its `quality` lists, with their pictures."""
    values = {
        "title": shown(f"{Path(report.source).name} - vidseg"),
        "heading": shown(Path(report.source).name),
        "made": f"→ {shown(report.output)}",
        "tiles": "".join(_tiles(report)),
        "state": _state(report),
        "plot": _plot(report),
        "moments": _moments(moments),
        "people": _people(report),
        "streams": _streams(report),
        "timings": _timings(report),
        "meaning": _meaning(report),
        "facts": "".join(
            f"<dt>{shown(name)}</dt><dd>{shown(value)}</dd>" for name, value in _facts(report)
        ),
        "json": _for_script(asdict(report)),
    }
    return filled("page.html", values)


def _for_script(value: object) -> str:
    """Return JSON that no text in it can end the script element of."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _figure(report: Report, name: str, which: str) -> float | None:
    found: Any = report.quality.get(name) or {}
    value = found.get(which)
    return None if value is None else float(value)


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "none"
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


def _tiles(report: Report) -> Iterable[str]:
    speed = f"{report.frames_out / report.wall_s:.1f} frames/s" if report.wall_s else ""
    tiles = [("Frames", f"{report.frames_out:,}".replace(",", "\u202f"), speed)]
    if report.quality:
        cuts: Any = report.quality["cuts_s"]
        for title, name, unit in (
            ("Coverage", "coverage_percent", "%"),
            ("Edge softness", "softness_px", "px"),
            ("Flicker", "flicker_percent", "%"),
        ):
            most = _number(_figure(report, name, "most"), unit)
            tiles.append((title, _number(_figure(report, name, "mean"), unit), f"at most {most}"))
        tiles.append(("Scene cuts", str(len(cuts)), ""))
    for title, value, more in tiles:
        small = f"<small>{shown(more)}</small>" if more else ""
        yield f"<div><dt>{shown(title)}</dt><dd>{shown(value)}{small}</dd></div>"


def _state(report: Report) -> str:
    lost = [
        f"{count:g} {_DAMAGE.get(name, name)}" for name, count in report.damage.items() if count
    ]
    if lost:
        state = (
            f'<div class="state bad"><strong>The {report.damaged_input} is damaged.</strong> '
            f"What could be read is done; lost:{_list(lost)}</div>"
        )
    else:
        state = '<p class="state good">The source is sound: every frame was read and written.</p>'
    if report.quality and not _figure(report, "coverage_percent", "most"):
        state += '<p class="state bad">No people were found in any frame.</p>'
    if report.notes:
        notes = f'<h2 id="h-notes">Notes</h2>{_list(report.notes)}'
        state += f'<section aria-labelledby="h-notes">{notes}</section>'
    return state


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{shown(line)}</li>" for line in lines) + "</ul>"


def _plot(report: Report) -> str:
    curve: Any = report.quality.get("curve") or {}
    if not curve.get("time_s"):
        return ""
    return (
        '<section aria-labelledby="h-plot"><h2 id="h-plot">The mask over time</h2>'
        '<p class="small faint"><span class="key"></span>scene cut'
        '<span class="key ring"></span>a peak: click it for its pictures</p>'
        '<div id="plot"><noscript>The plot is drawn by JavaScript; the pictures need none.'
        "</noscript></div>"
        '<p id="reading" class="small faint">Point at the plot to read the figures.</p></section>'
    )


def _moments(moments: Sequence[Moment]) -> str:
    if not moments:
        return ""
    numbered = list(enumerate(moments))
    worst = [(i, m) for i, m in numbered if m.reasons]
    even = [(i, m) for i, m in numbered if not m.reasons]
    text = '<div id="moments">'
    if worst:
        cards = "".join(_card(i, m) for i, m in worst)
        text += (
            '<section id="worst" aria-labelledby="h-worst"><h2 id="h-worst">Worst moments</h2>'
            '<p class="small faint">Where the mask is least steady or least sure.</p>'
            f'<ul class="moments">{cards}</ul></section>'
        )
    if even:
        cards = "".join(_card(i, m) for i, m in even)
        text += (
            '<section aria-labelledby="h-even"><h2 id="h-even">From beginning to end</h2>'
            f'<ul class="moments">{cards}</ul></section>'
        )
    return f"{text}</div>"


def _card(number: int, moment: Moment) -> str:
    time = clock(Fraction(moment.time))
    figures = moment.figures
    known = {"flicker": (figures.flicker, "%"), "softness": (figures.softness, "px")}
    chip = "".join(
        f'<span class="chip {reason}">{_REASONS[reason]} {_number(*known[reason])}</span>'
        for reason in moment.reasons
    )
    pictures = [("Original", moment.original), ("Mask", moment.mask)]
    if moment.result is not None:
        pictures.append(("Result", moment.result))
    images = "".join(
        f'<figure class="{name.lower()}"><img alt="{name} at {time}" src="{data_uri(data)}">'
        f"<figcaption>{name}</figcaption></figure>"
        for name, data in pictures
    )
    return (
        f'<li class="moment" id="moment-{number}" tabindex="-1"><div class="head"><h3>{time}</h3>'
        f"{chip}"
        f'<span class="small faint">{_number(figures.coverage, "%")} people</span></div>'
        f'<div class="pictures">{images}</div></li>'
    )


def _people(report: Report) -> str:
    seen: Any = report.people.get("seen")
    if not seen:
        return ""
    rows = "".join(
        f"<tr><td>{one['number']}</td><td>{'kept' if one['kept'] else 'left out'}</td>"
        f"<td>{shown(one['point'])}</td><td>{one['share_percent']:.1f} %</td>"
        f"<td>{_moment(one['from_s'])} to {_moment(one['to_s'])}</td></tr>"
        for one in seen
    )
    unsure: Any = report.people["unsure"]
    doubts = _list(
        f"{_moment(one['from_s'])} to {_moment(one['to_s'])}: {one['what']}" for one in unsure
    )
    head = "<thead><tr><th>No.</th><th></th><th>Point</th><th>Share</th><th>Seen</th></tr></thead>"
    return (
        '<section aria-labelledby="h-people"><h2 id="h-people">People</h2><div class="scroll">'
        f'<table class="stack">{head}<tbody>{rows}</tbody></table></div>'
        f"{'<p>Not sure:</p>' + doubts if unsure else ''}</section>"
    )


def _moment(seconds: float) -> str:
    return clock(Fraction(seconds))


def _streams(report: Report) -> str:
    rows = ""
    for stream in report.streams:
        named = " ".join(str(stream[key]) for key in ("language", "title") if stream.get(key))
        what = " ".join(str(stream[key]) for key in ("codec", "detail") if stream.get(key))
        rows += (
            f"<tr><td>{shown(str(stream.get('index', '')))}</td>"
            f"<td>{shown(str(stream.get('kind', '')))}</td>"
            f"<td>{shown(what)}{f' ({shown(named)})' if named else ''}</td>"
            f'<td class="fate">{shown(str(stream.get("fate", "")))}</td></tr>'
        )
    head = (
        "<thead><tr><th>No.</th><th>Kind</th><th>What</th><th>What became of it</th></tr></thead>"
    )
    return f'<table class="stack">{head}<tbody>{rows}</tbody></table>'


def _timings(report: Report) -> str:
    stages = dict(report.stage_s)
    stages["segment"] = stages.get("segment", 0) - stages.pop("waiting for frames", 0)
    most = max([report.wall_s, *stages.values(), 1e-9])
    rows = ""
    for name, seconds in stages.items():
        rows += (
            f'<tr><td>{shown(_STAGES.get(name, name))}</td><td class="number">{seconds:.1f} s</td>'
            f'<td class="bar"><span style="width:{100 * seconds / most:.1f}%"></span></td></tr>'
        )
    return (
        f'<p class="small faint">{report.wall_s:.1f} s in all. '
        "Stages run side by side, so they add up to more.</p>"
        f"<table><tbody>{rows}</tbody></table>"
    )


def _meaning(report: Report) -> str:
    if not report.quality:
        return ""
    terms = "".join(
        f"<dt><strong>{name}</strong></dt><dd>{shown(text)}</dd>" for name, text in _MEANING
    )
    return (
        "<section><details><summary>What the figures mean</summary>"
        f"<dl>{terms}</dl></details></section>"
    )


def _facts(report: Report) -> Iterable[tuple[str, str]]:
    yield "Source", report.source
    yield "Output", report.output
    size = f"{report.width} x {report.height}"
    yield "Picture", f"{report.source_codec} {size} {report.pix_fmt} → {report.output_codec}"
    yield "Span", f"{clock(Fraction(report.start_s))} to {clock(Fraction(report.end_s))}"
    yield "Model", f"{report.model} on {report.device}"
    yield "Versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())
