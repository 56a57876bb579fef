"""The page in a real browser: as `expt view` serves it, and as `expt report` freezes it."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browser_tabs import VIEWPORT, Browser, Tab, open_browser, serve, why_not
from made_runs import id_of, make_run

from expt.drawing.curves import limits, make_curve
from expt.page.bundle import front_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = [
    pytest.mark.inline,
    pytest.mark.skipif(why_not() is not None, reason=f"no browser: {why_not()}"),
]

TREE = {
    "expt.toml": "",
    "experiments/params.toml": "width = 8  # hidden units\n",
    "experiments/train.py": '''
        import numpy as np

        def experiment_train(track, lr: float = 0.1, seed: int = 0, name: str = "a", width=4):
            """Descend."""
            rng = np.random.default_rng(seed)
            for step in range(20):
                track("loss", 1 / (1 + lr * step * 10) + 0.01 * seed, step=step)
                track("steady", 0.1 + 0.2 if step % 2 else 0.3, step=step)
                track("level", 0.3, step=step)
                if step % 5 == 0:
                    track("picture", rng.integers(0, 256, (8, 8, 3), np.uint8), step=step)
                    track("weights", np.full((3, 4), lr * step), step=step)
                    track("words", f"at {step}", step=step)
            print("printed with", lr)
            return {"accuracy": 1 - lr, "seed_used": seed, "same": 0.1 + 0.2 if seed else 0.3}
        ''',
}
PLUGIN = """
    import expt

    @expt.hook
    def expt_show_run(run):
        bars = {"type": "bar", "x": ["a"], "y": [1]}
        return [
            {"title": "mine", "text": "<b>bold</b>"},
            {"title": "bars", "chart": {"data": [bars]}},
            {"title": "out", "picture": "../../x.png"},
        ]

    @expt.hook
    def expt_show_series(run, series):
        if series.name == "words":
            return [{"title": f"all of {series.name}", "text": ", ".join(series.values)}]
    """
DRAWN = {
    "runs": "table.runs tbody tr",
    "curves": ".chart .trace",
    "parallel": ".axis",
    "scatter": ".scatterlayer .point",
    "media": ".media figure",
    "compare": "table.compare td",
    "run": "details.section",
}
"""The views, and what is there of a run once one is drawn."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(autouse=True)
def _limit(browser: Browser) -> Iterator[None]:
    """Of a test whose browser stands still; the next one has another."""
    with browser.within(120):
        yield


@pytest.fixture(scope="module")
def project(shared_sandbox: Sandbox) -> Sandbox:
    """Six runs of a sweep, and a seventh of another code."""
    project = shared_sandbox.write(TREE)
    sweep = ("--sweep", "lr=0.1,0.01,0.001", "--sweep", "seed=0,1")
    done = project.expt("experiments", *sweep)
    assert done.exit_code == 0, done.stderr
    text = TREE["experiments/train.py"].replace("1 - lr", "0.5 - lr")
    project.write({"experiments/train.py": text})
    assert project.expt("experiments", "-p", "name=b").exit_code == 0
    return project


@pytest.fixture(scope="module")
def served(project: Sandbox) -> Iterator[str]:
    with serve(project) as address:
        yield address


@pytest.fixture(scope="module")
def frozen(project: Sandbox) -> str:
    project.write({"panels.py": PLUGIN})
    return report(project, "--plugin", "panels.py")


def report(project: Sandbox, *words: str) -> str:
    """The address of the page of all runs of a project, in one file."""
    done = project.expt("report", "-o", "page.html", *words)
    assert done.exit_code == 0, done.stderr
    return (project.root / "page.html").as_uri()


@pytest.fixture(scope="module")
def kept_tabs(browser: Browser) -> dict[str, Tab]:
    """The two kinds of pages, each in one tab that all tests share, to the end of the browser."""
    return {}


@pytest.fixture
def show(
    browser: Browser, kept_tabs: dict[str, Tab], request: pytest.FixtureRequest
) -> Iterator[Callable[..., Tab]]:
    """Shows a kind of page, that of the project or another, with nothing chosen; and holds its
    console free of errors and of blocked requests.

    A page that is there forgets what was chosen and is not loaded again, for plotly costs more than
    a test does: so a test waits for what no other one has left. After a failure, which may leave
    anything, there is another tab.
    """
    failures = request.session.testsfailed or getattr(request.node, "execution_count", 1) > 1
    shown: list[Tab] = []

    def show(kind: str, address: str = "") -> Tab:
        address = address or request.getfixturevalue({"view": "served", "report": "frozen"}[kind])
        tab = kept_tabs.get(kind)
        if tab is not None and failures:
            tab.close()
        if tab is None or not tab.is_open:
            tab = kept_tabs[kind] = Tab(browser, address, offline=kind == "report")
        elif tab.address != address:
            tab.resize(**VIEWPORT)
            tab.go(address)
        else:
            tab.forget()
        shown.append(tab)
        return tab

    for tab in kept_tabs.values():
        tab.complaints.clear()
    yield show
    assert [tab.complaints for tab in shown] == [[] for _ in shown]


@pytest.fixture
def tab(request: pytest.FixtureRequest, show: Callable[[str], Tab]) -> Tab:
    """The page as it is served, where a test does not ask for both."""
    return show(getattr(request, "param", "view"))


both = pytest.mark.parametrize("tab", ["view", "report"], indirect=True)
"""The page, served; and the same frozen, with the network off: where they get the runs differs, and
what they do with them is the same script."""


def test_a_filter_is_the_grammar_of_where_and_an_unknown_name_is_told(tab: Tab) -> None:
    tab.page.fill(".filter", "lr < 0.05 and results.accuracy > 0.9 and seed == 1")
    tab.told("2 of 7 runs")
    assert sorted(tab.column("params.lr")) == ["0.001", "0.01"]
    tab.page.fill(".filter", "setup >= 0 and lineage.session in [session] and lr < 0.05")
    tab.told("4 of 7 runs")
    tab.page.fill(".filter", "lineage.rerun_of")
    tab.told("0 of 7 runs")
    tab.page.fill(".filter", "lrr < 0.05")
    tab.told("no run has a value 'lrr'; did you mean 'lr'?")
    tab.page.fill(".filter", "lr <")
    tab.until("document.querySelector('.told').classList.contains('error')")
    tab.page.fill(".filter", "")
    tab.told("7 runs")


def test_a_column_sorts_both_ways(tab: Tab) -> None:
    tab.page.click('.sort[title="params.lr"]')
    assert tab.column("params.lr") == ["0.001", "0.001", "0.01", "0.01", "0.1", "0.1", "0.1"]
    tab.page.click('.sort[title="params.lr"]')
    assert tab.column("params.lr")[0] == "0.1"
    assert tab.page.get_attribute("th:has(.sort[title='params.lr'])", "aria-sort") == "descending"


def test_groups_have_mean_and_deviation_and_every_run_is_still_there(tab: Tab) -> None:
    tab.page.select_option("select", "params.lr")
    tab.until("document.querySelectorAll('tr.group').length === 3")
    groups = tab.texts("tr.group")
    assert any("2 runs" in group and "±" in group for group in groups)
    assert tab.page.locator("table.runs tbody tr:not(.group)").count() == 7


def test_a_pinned_column_stands_at_the_left(tab: Tab) -> None:
    tab.page.click("th:has(.sort[title='results.accuracy']) .pin")
    titles = tab.page.eval_on_selector_all(".sort", "all => all.map(b => b.title)")
    assert titles[:2] == ["id", "results.accuracy"]
    tab.addressed("pinned=results.accuracy")
    tab.reload()
    assert tab.page.eval_on_selector_all(".sort", "all => all[1].title") == "results.accuracy"


def test_columns_are_chosen(tab: Tab) -> None:
    tab.page.click(".columns summary")
    tab.page.click(".menu label:has-text('params.width')")
    assert set(tab.column("params.width")) == {"8"}


def test_no_view_is_wider_than_the_window_and_charts_are_as_wide_as_there_is_room(
    show: Callable[[str], Tab],
) -> None:
    """Those too that were drawn in a window of another size, while other views were looked at."""
    tab = show("report")
    tab.resize(390, 844)
    tab.reload()
    charts = "[...document.querySelectorAll('main .chart')]"
    is_filled = "(c) => Math.abs(c.offsetWidth - c.querySelector('.main-svg')?.clientWidth) < 2"
    for width in (390, 3840):
        tab.resize(width, 844)
        for view, drawn in DRAWN.items():
            tab.page.evaluate(f"location.hash = 'view={view}'")
            tab.until(f"document.querySelector('main {drawn}')")
            tab.until(f"{charts}.every({is_filled})")
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, view


@both
def test_each_view_opens_and_shows_the_runs(tab: Tab) -> None:
    tab.told("7 runs")
    assert len(tab.column("id")) == 7
    tab.view("curves")
    tab.until("document.querySelectorAll('.chart .scatterlayer .trace').length >= 7")
    tab.view("parallel")
    tab.until("document.querySelectorAll('.axis').length >= 4")
    tab.view("scatter")
    tab.until("document.querySelectorAll('.scatterlayer .point').length >= 7")
    tab.view("media")
    tab.until("[...document.querySelectorAll('.media img')].some((i) => i.naturalWidth === 8)")
    tab.until("document.querySelectorAll('.media canvas').length >= 7")
    tab.view("compare")
    assert "two runs" in tab.wait("section p").inner_text() or tab.wait("table.compare")
    tab.view("run")
    assert "experiment_train" in tab.wait("h2").inner_text()


def test_a_chart_keeps_its_height_in_a_window_of_another_size(tab: Tab) -> None:
    tab.view("run")
    tab.until("document.querySelector('.chart .xtitle')")
    before = tab.page.evaluate("document.querySelector('.chart').clientHeight")
    tab.resize(900, 700)
    tab.until("document.querySelector('.chart')._fullLayout.width < 900")
    size, title, bottom = tab.page.evaluate(
        "((chart) => [chart.clientHeight, chart.querySelector('.xtitle').getBoundingClientRect()"
        ".bottom, chart.getBoundingClientRect().bottom])(document.querySelector('.chart'))"
    )
    assert size == before and title < bottom


@both
def test_what_differs_by_rounding_alone_is_flat_as_in_its_stored_picture(tab: Tab) -> None:
    stored = pytest.approx(limits([make_curve([0, 1], [0.3, 0.1 + 0.2])], log=False)[1])

    def upright(chart: str) -> Any:
        chart = f"document.querySelector('{chart}')"
        tab.until(f"{chart}?.querySelector('.trace, .point')")
        return tab.page.evaluate(f"{chart}._fullLayout.yaxis.range")

    tab.page.evaluate("location.hash = 'view=curves&series=level'")
    assert upright(".chart") == stored
    tab.page.evaluate("location.hash = 'view=curves&series=steady'")
    tab.until("document.querySelector('.chart .gtitle')?.textContent === 'steady'")
    assert upright(".chart") == stored
    tab.page.evaluate("Plotly.relayout(document.querySelector('.chart'), 'yaxis.autorange', true)")
    assert upright(".chart") == stored  # a double click too
    tab.page.evaluate("location.hash = 'view=curves&series=steady&color=params.lr'")
    tab.until("document.querySelector('.chart .cbtitle')")
    assert upright(".chart") == stored  # and beside a bar of colours
    tab.page.evaluate("location.hash = 'view=curves&series=steady&logy=log'")
    tab.addressed("logy=log")
    assert upright(".chart") == stored
    tab.page.evaluate("location.hash = 'view=scatter&up=results.same'")
    tab.until("document.querySelector('.chart.tall .ytitle')?.textContent === 'same'")
    assert upright(".chart.tall") == stored
    tab.view("parallel")
    tab.until("document.querySelectorAll('.axis').length >= 4")
    assert {"0.285", "0.3", "0.315"} <= set(tab.texts(".tick"))
    tab.view("run")
    charts = "[...document.querySelectorAll('.chart')]"
    steady = f"{charts}.find((chart) => chart.textContent.includes('steady'))"
    tab.until(f"{steady}?._fullLayout")
    assert tab.page.evaluate(f"{steady}._fullLayout.yaxis.range") == stored


def test_curves_are_coloured_by_what_explains_most_of_their_ends(tab: Tab) -> None:
    """As their stored picture is, and not by the two names of which one has a run."""
    tab.page.evaluate("location.hash = 'view=curves&series=loss'")
    tab.until("document.querySelector('.chart .cbtitle')?.textContent === 'lr'")
    tab.page.evaluate("location.hash = 'view=curves&series=loss&color=params.name'")
    tab.until("document.querySelector('.kind')?.textContent === 'name:'")


def test_runs_that_were_stopped_do_not_tell_what_curves_are_coloured_by(tab: Tab) -> None:
    """Where each of them ends is told by when it was stopped, and not by its values."""
    rows = [{"lr": lr, "pause": 0.1, "end": lr, "status": "completed"} for lr in (1, 1, 2, 2, 3, 3)]
    rows += [{"lr": 2, "pause": 5, "end": end, "status": "lost"} for end in (50, 51)]
    modules = front_end().partition("// main.js\n")[0]
    told = tab.page.evaluate(
        modules.replace("(() => {", "((rows) => {", 1)
        + """
            const runs = {
              differing: () => ({differs: ["pause", "lr"]}), valueNames: () => [],
              isNumeric: () => true,
              value: (row, name) => row[name], number: (row, name) => row[name],
            };
            const stopped = rows.map((row) => ({...row, status: "lost"}));
            return [telling(runs, rows, ["end"]), telling(runs, stopped, ["end"])];
        })""",
        rows,
    )
    assert told == ["lr", "pause"]


@both
def test_two_selected_runs_are_compared_down_to_the_line_of_code(tab: Tab) -> None:
    tab.page.click('.sort[title="params.name"]')
    boxes = tab.page.locator("tbody input[type=checkbox]")
    boxes.nth(0).check()
    boxes.nth(6).check()
    tab.told("7 runs, 2 selected")
    tab.view("compare")
    tab.until("document.querySelector('.diff .added')?.textContent.includes('0.5 - lr')")
    assert '-    return {"accuracy": 1 - lr, "seed_used": seed, ' in tab.texts(".diff .gone")[0]
    assert "name" in tab.texts("table.compare tbody th")
    assert "the same in all" in tab.texts(".same")[-1]


def drag(tab: Tab, begin: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = tab.page.mouse
    mouse.move(*begin)
    mouse.down()
    mouse.move((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2)
    mouse.move(*end)
    mouse.up()


def box_of(tab: Tab, selector: str) -> dict[str, float]:
    """Where an element is; what is drawn anew in this moment is looked for again."""
    while (box := tab.wait(selector).bounding_box()) is None:
        tab.page.wait_for_timeout(20)
    return dict(box)


def test_a_brush_on_an_axis_filters_the_table(tab: Tab) -> None:
    tab.view("parallel")
    box = box_of(tab, ".axis[aria-label='axis lr']")
    x, top, height = box["x"] + box["width"] / 2, box["y"], box["height"]
    drag(tab, (x, top + height * 0.3), (x, top + height - 1))
    tab.told("4 of 7 runs")
    tab.view("runs")
    assert set(tab.column("params.lr")) == {"0.01", "0.001"}
    tab.page.click(".chip")
    tab.told("7 runs")


def test_a_box_over_dots_filters_the_table(tab: Tab) -> None:
    tab.page.evaluate("location.hash = 'view=scatter&across=params.lr&up=results.accuracy'")
    titles = "[...document.querySelectorAll('.xtitle, .ytitle')].map((t) => t.textContent).join()"
    tab.until(f"{titles} === 'lr,accuracy'")
    tab.until("document.querySelectorAll('.scatterlayer .point').length >= 7")
    box = box_of(tab, ".nsewdrag")
    left, top = box["x"] + 2, box["y"] + 2
    drag(tab, (left, top), (left + box["width"] * 0.7, top + box["height"] - 6))
    tab.told("4 of 7 runs")
    tab.view("runs")
    assert set(tab.column("params.lr")) == {"0.01", "0.001"}


@both
def test_one_slider_moves_all_pictures_arrays_and_texts(tab: Tab) -> None:
    tab.view("media")
    tab.until("document.querySelectorAll('.media figure').length === 21")
    slider = ".step input"
    assert tab.page.get_attribute(slider, "max") == "3"
    tab.until("document.querySelector('.media pre')?.textContent === 'at 15'")
    before = tab.page.get_attribute(".media img", "src")
    tab.page.fill(slider, "1")
    tab.until("[...document.querySelectorAll('.media pre')].every((p) => p.textContent === 'at 5')")
    assert tab.page.get_attribute(".media img", "src") != before
    assert set(tab.texts(".media figcaption")) == {"step 5"}
    tab.addressed("step=5")


@both
def test_one_run_in_full_tells_origins_log_code_and_how_to_run_it_again(tab: Tab) -> None:
    tab.page.fill(".filter", "name == 'b'")
    tab.page.click("td.id a")
    tab.until("document.querySelector('section.view')?.textContent.includes('-p name')")
    assert "experiments/train.py::experiment_train" in tab.wait("h2").inner_text()
    told = tab.page.inner_text("section.view")
    for text in (
        "width",
        "hidden units",
        "experiments/params.toml:1",
        "over 4 of default",
        "-p name",
        "printed with",
    ):
        assert text in told
    assert "expt rerun" in told
    tab.page.click("summary:text-is('code')")
    tab.page.click("summary:text-is('experiments/train.py')")
    assert "0.5 - lr" in tab.page.inner_text("details[open] > pre.code")
    tab.until("document.querySelectorAll('.chart .trace').length >= 1")


def test_the_keyboard_does_it_all(tab: Tab) -> None:
    keys = tab.page.keyboard
    keys.press("/")
    keys.type("seed == 1")
    tab.told("3 of 7 runs")
    keys.press("Escape")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Space")
    tab.told("3 of 7 runs, 1 selected")
    keys.press("Enter")
    tab.wait("h2")
    keys.press("2")
    assert "view=curves" in tab.state()
    keys.press("Escape")
    tab.wait("table.runs")


def test_the_address_holds_the_view(tab: Tab) -> None:
    charts = "[...document.querySelectorAll('.chart')]"
    lines = f"{charts}.map((c) => c.querySelectorAll('.scatterlayer .trace').length).join()"
    tab.page.fill(".filter", "seed == 0")
    tab.told("4 of 7 runs")
    tab.page.click('.sort[title="results.accuracy"]')
    tab.page.locator("tbody input[type=checkbox]").nth(1).check()
    tab.view("curves")
    tab.page.fill("input[aria-label=smooth]", "0.5")
    tab.until(f"{lines} === '2,2,2'")
    tab.addressed("smooth=0.5")
    held, chips = tab.state(), tab.texts(".chip")
    tab.reload()
    tab.told("4 of 7 runs, 1 selected")
    assert tab.state() == held
    assert tab.texts(".chip") == chips
    tab.until(f"{lines} === '2,2,2'")
    tab.page.go_back()
    assert tab.wait("table.runs")


def test_labels_are_edited_and_kept(tab: Tab, project: Sandbox) -> None:
    tab.page.click("td.id a >> nth=0")
    tab.page.fill("input[aria-label=tags]", "best, checked")
    tab.page.fill("input[aria-label=note]", "<b>look</b> again")
    tab.page.press("input[aria-label=note]", "Enter")
    tab.until("document.querySelector('.labels output').textContent === 'kept'")
    newest = project.runs()[0]
    assert (newest.tags, newest.note) == (("best", "checked"), "<b>look</b> again")
    tab.reload()
    tab.page.keyboard.press("Escape")
    tab.until("document.querySelector('.sort[title=tags]')")
    assert tab.column("tags")[0] == "best, checked"
    assert tab.column("note")[0] == "<b>look</b> again"


def test_a_plugin_shows_texts_pictures_and_charts_of_a_run_and_of_a_kind_of_value(
    show: Callable[[str], Tab],
) -> None:
    tab = show("report")
    tab.view("run")
    tab.wait("summary:text-is('mine')")
    assert "<b>bold</b>" in tab.texts("details.section > pre")
    tab.wait("summary:text-is('all of words')")
    assert "at 0, at 5, at 10, at 15" in tab.texts("details.section > pre")
    tab.until("document.querySelectorAll('.chart .barlayer .point').length === 1")
    assert "a panel that cannot be shown" in tab.texts("summary")


def test_dark_and_light_follow_the_system_and_a_key(show: Callable[[str], Tab]) -> None:
    tab = show("report")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark, light = "rgb(20, 23, 26)", "rgb(255, 255, 255)"
    assert tab.page.evaluate(colour) == light
    tab.page.emulate_media(color_scheme="dark")
    tab.until(f"{colour} === '{dark}'")
    tab.reload()
    assert tab.page.evaluate(colour) == dark
    tab.page.keyboard.press("t")
    assert tab.page.evaluate(colour) == light
    tab.page.evaluate("location.hash = 'theme=dark'")
    tab.until(f"{colour} === '{dark}'")
    tab.page.emulate_media(color_scheme="light")
    assert tab.page.evaluate(colour) == dark


LIVE = """
    import time
    from pathlib import Path

    def experiment_live(track):
        for step in range(10_000):
            track("loss", 1 / (step + 1), step=step)
            time.sleep(0.05)
            if Path("stop").exists():
                return {"steps": step}
    """


def test_a_run_that_goes_on_moves_and_ends_on_the_page(
    show: Callable[..., Tab], sandbox: Sandbox
) -> None:
    sandbox.write({"expt.toml": "", "experiments/live.py": LIVE})
    (sandbox.root / "runs").mkdir()
    with serve(sandbox) as address:
        tab = show("view", address)
        tab.told("0 runs")
        process = sandbox.start("experiments")
        try:
            tab.told("1 run")
            tab.until("document.querySelector('td.status')?.textContent === 'running'")
            cell = "document.querySelector('table.runs tbody')?.textContent"
            tab.page.evaluate(f"window.before = {cell}")
            tab.until(f"{cell} !== window.before")
            tab.page.click("td.id a")
            tab.until("document.querySelectorAll('.chart .trace').length === 1")
            tab.page.click("summary:text-is('code')")
            tab.page.evaluate("window.chart = document.querySelector('.chart')")
            tab.until("chart.lines?.[0].count > chart.data[0].y.length")  # it grew where it stands
            tab.until("chart === document.querySelector('.chart')")
            assert tab.page.get_attribute("details:has(> summary:text-is('code'))", "open") == ""
            tab.page.keyboard.press("Escape")
            (sandbox.root / "stop").touch()
            tab.until("document.querySelector('td.status')?.textContent === 'completed'")
            tab.until(f"{cell}.includes('steps') || {cell}.length > 0")
        finally:
            (sandbox.root / "stop").touch()
            process.communicate(timeout=60)
            tab.leave()


# What a user wrote is text

EVIL = '<img src=x onerror="window.hit=1"><script>window.hit=2</script>\'"`${window.hit=3}'
LINK = "javascript:window.hit=4"


def make_hostile(root: Path) -> None:
    for number in range(3):
        path = make_run(
            root,
            number,
            case=f"lr-{number}-{EVIL}"[:200],
            description=EVIL,
            note=LINK,
            tags=(EVIL, "[red]"),
            params={
                "lr": number,
                EVIL: f"{EVIL}{number}",
                "link": LINK,
                "__proto__": {"a": number},
            },
            results={"accuracy": number, f"[red]{EVIL}": number, "constructor": number},
        )
        (path / "output.log").write_text(f"{EVIL}\n</script><script>window.hit=5</script>\n")
        (path / "code").mkdir()
        (path / "code" / "evil.py").write_text(f"# {EVIL} {number}\n</script><!-- \n")
        from expt.tracking.recorder import open_recorder

        series = open_recorder(path / "series", label="x")
        for step in range(3):
            for name in (EVIL, "%{x} [red] <b>b</b>", "a/../../b", "__proto__"):
                series.track(name, float(step + number), step=step)
            series.track(f"words {EVIL}", EVIL, step=step)
            series.track(f"array {EVIL}", np.eye(3) * step, step=step)
        series.close()
        record = json.loads((path / "run.json").read_text())
        summary = {"kind": "scalar", "count": 3, "last": 2.0, "min": 0.0, "max": 2.0}
        names = (EVIL, "%{x} [red] <b>b</b>", "a/../../b", "__proto__")
        record["series"] = dict.fromkeys(names, summary)
        record["series"] |= {f"words {EVIL}": {"kind": "text", "count": 3}}
        record["series"] |= {f"array {EVIL}": {"kind": "array", "count": 3}}
        (path / "run.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def hostile(new_sandbox: Callable[[], Sandbox]) -> Sandbox:
    project = new_sandbox().write({"expt.toml": ""})
    make_hostile(project.root / "runs")
    return project


@pytest.fixture(scope="module")
def frozen_hostile(hostile: Sandbox) -> str:
    return report(hostile, "--title", EVIL)


@pytest.mark.parametrize("kind", ["view", "report"])
def test_hostile_names_and_values_are_text(
    show: Callable[..., Tab], hostile: Sandbox, kind: str, request: pytest.FixtureRequest
) -> None:
    with contextlib.ExitStack() as stack:
        if kind == "view":
            address = stack.enter_context(serve(hostile))
        else:
            address = request.getfixturevalue("frozen_hostile")
        tab = show(kind, address)
        stack.callback(tab.leave)
        tab.told("3 runs")
        for box in tab.page.locator("tbody input[type=checkbox]").all()[:2]:
            box.check()
        for view, drawn in DRAWN.items():
            tab.view(view)
            tab.until(f"document.querySelector('main {drawn}')")
            assert tab.page.evaluate("window.hit") is None
            found = (
                "document.querySelectorAll('main script, main [src=x], a[href^=javascript]').length"
            )
            assert tab.page.evaluate(found) == 0
        assert EVIL in tab.page.inner_text("section.view")
        unknown = "location.hash = 'view=run&open=' + encodeURIComponent('<script>')"
        if kind == "view":  # the browser tells of the 404 when it likes
            with tab.page.expect_console_message(lambda told: "404" in told.text):
                tab.page.evaluate(unknown)
        else:
            tab.page.evaluate(unknown)
            tab.until("document.querySelector('section.view').textContent.includes('this file')")
        assert tab.page.evaluate("window.hit") is None
        tab.complaints[:] = [text for text in tab.complaints if "404" not in text]
        assert id_of(0)


# The file


def test_a_report_is_valid_html_and_holds_no_address(project: Sandbox, frozen: str) -> None:
    html5lib = pytest.importorskip("html5lib")

    text = (project.root / "page.html").read_text(encoding="utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    assert "://" not in text
    assert "default-src &#x27;none&#x27;" in text


def test_the_same_runs_give_the_same_bytes(hostile: Sandbox, frozen_hostile: str) -> None:
    first = (hostile.root / "page.html").read_bytes()
    assert report(hostile, "--title", EVIL) == frozen_hostile
    assert (hostile.root / "page.html").read_bytes() == first


def test_a_report_of_many_runs_says_which_it_does_not_hold_whole(
    show: Callable[..., Tab], sandbox: Sandbox
) -> None:
    """And a table tells experiments without the folder that all share, dots how many there are, and
    curves are of what the chosen runs have."""
    summary = {"kind": "scalar", "count": 1, "last": 1.0, "min": 1.0, "max": 1.0}
    deeper = {"experiment": "experiments/deep/run.py::experiment_run"}
    for number in range(201):
        results = {"loss": number} if number % 2 else {}
        more = deeper if number == 200 else {}
        more = {**more, "series": {"own" if more else "every": summary}}
        make_run(sandbox.root / "runs", number, params={"lr": number}, results=results, **more)
    tab = show("report", report(sandbox.write({"expt.toml": ""})))
    tab.told("201 runs")
    assert "the newest 200 of 201 runs are here whole" in tab.page.inner_text("footer")
    assert tab.page.locator("table.runs tbody tr").count() < 70
    told = ["deep/run.py::experiment_run", "walk.py::experiment_walk"]
    assert tab.column("experiment")[:2] == told
    tab.view("scatter")
    tab.until("document.querySelectorAll('.scatterlayer .point').length === 100")
    assert "100 of 201 runs have both" in tab.page.inner_text("section")
    tab.view("curves")
    tab.until("document.querySelector('summary').textContent === '2 of 2 series'")
    tab.page.fill(".filter", "lr == 5")
    tab.until("document.querySelector('summary').textContent === '1 of 1 series'")
