"""Recipes and draws: what makes terms equal."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_cases import TERMS, MemoryData, make_recipe

from code2lora.errors import TrainingError
from code2lora.training.plan import Plan, TaskGroup
from code2lora.training.recipe import METHODS, RECIPE_FOLDER, load_recipe, recipe_names, with_terms
from code2lora.training.session import pool_of
from code2lora.training.vectors import stand_ins_for

POOL = pool_of(MemoryData().places("ir_train"))


def test_recipes_on_equal_terms_let_no_method_replace_a_term():
    assert recipe_names() == ("clean", "nano", "paper", "spread", "spread-nano")
    for name in ("clean", "nano", "spread", "spread-nano"):
        terms = {load_recipe(name, method).terms.model_dump_json() for method in METHODS}
        assert len(terms) == 1


def test_paper_recipe_has_the_published_sizes():
    static, evo = (load_recipe("paper", f"code2lora-{kind}") for kind in ("static", "evo"))
    assert (static.terms.steps, static.terms.draws_per_step, static.settings.learning_rate) == (1_200, 16, 1e-4)
    assert (evo.terms.draws_per_step, evo.settings.learning_rate, evo.settings.state_dim) == (8, 5e-5, 2_048)
    assert static.settings.detach_input
    assert load_recipe("paper", "per-repo-lora").terms.gradient_clip == 0.3


def edited(tmp_path, old, new):
    text = (RECIPE_FOLDER / "clean.toml").read_text("utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("method", "old", "new", "message"),
    [
        ("fft", "learning_rate = 2e-5", "learning_rate = 2e-5\nrank = 4", "methods.fft has rank"),
        ("shared-lora", "rank = 16\n", "", "methods.shared-lora lacks rank"),
        ("shared-lora", 'layers = "each"', 'layers = "some"', "methods.shared-lora.layers"),
        ("code2lora-evo", "[methods.code2lora-evo]", "[methods.evo]", "has no table methods.code2lora-evo"),
        ("code2lora-static", 'encoder_recipe = "clean"', 'encoder_recipe = "none"', "encoder_recipe is 'none'"),
        ("fft", "warmup = 0.06", "warm_up = 0.06", "terms.warmup"),
        ("fft", "draws = 102_400", "draws = 0", "terms.draws"),
        ("fft", "[terms]", "[terms", "is no TOML"),
    ],
)
def test_recipe_that_cannot_be_used_names_the_field(tmp_path, method, old, new, message):
    with pytest.raises(TrainingError, match=message.replace("[", r"\[")):
        load_recipe(edited(tmp_path, old, new), method)


def test_recipe_or_method_that_does_not_exist_names_those_that_do(tmp_path):
    with pytest.raises(TrainingError, match="neither one of clean, nano, paper, spread, spread-nano nor a file"):
        load_recipe("cleen", "fft")
    with pytest.raises(TrainingError, match="'rag' has nothing to train"):
        load_recipe("clean", "rag")


def test_only_lora_methods_have_a_choice_of_layers():
    assert with_terms(make_recipe("shared-lora"), layers="shared").settings.layers == "shared"
    with pytest.raises(TrainingError, match="no choice of layers"):
        with_terms(make_recipe("code2lora-evo"), layers="shared")


def test_a_step_draws_from_several_repositories_over_neighbouring_commits():
    plan = Plan(POOL, TERMS, 0)
    for step in range(TERMS.steps - 1):
        draws = plan.step(step)
        assert len(draws) == TERMS.draws_per_step
        visits = [draws[:4], draws[4:]]
        assert len({draw.repo_id for draw in draws}) == 2
        for visit in visits:
            commits = [draw.commit for draw in visit]
            assert commits == list(range(commits[0], commits[0] + 4))


def test_draws_are_of_the_tasks_of_their_commit():
    places = {place.row: place for place in MemoryData().places("ir_train")}
    for step in range(TERMS.steps):
        for draw in Plan(POOL, TERMS, 0).step(step):
            assert (places[draw.row].repo_id, places[draw.row].commit) == (draw.repo_id, draw.commit)


def test_every_repository_is_visited_before_one_is_visited_again():
    plan = Plan(POOL, TERMS, 5)
    seen = [draw.repo_id for step in range(2) for draw in plan.step(step)[::4]]
    assert sorted(seen) == [repo_id for repo_id, _ in POOL]


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    visit=st.integers(1, 6),
    per_commit=st.integers(1, 3),
    draws=st.integers(1, 60),
)
def test_the_number_of_draws_is_what_the_terms_say_whatever_the_repositories_have(sizes, visit, per_commit, draws):
    rows = iter(range(1_000))
    groups = tuple(
        TaskGroup(commit=2 * at, rows=tuple(next(rows) for _ in range(size))) for at, size in enumerate(sizes)
    )
    terms = TERMS.model_copy(update={"commits_per_visit": visit, "tasks_per_commit": per_commit, "draws": draws})
    plan = Plan((("only/one", groups), ("other/one", groups[:1])), terms, 1)
    drawn = [plan.step(step) for step in range(terms.steps)]
    assert sum(map(len, drawn)) == draws
    assert all(len(step) == terms.draws_per_step for step in drawn[:-1])
    assert plan.rows() == tuple(sorted({draw.row for step in drawn for draw in step}))
    assert drawn == [plan.step(step) for step in range(terms.steps)]


def test_another_seed_draws_otherwise():
    assert Plan(POOL, TERMS, 0).step(0) != Plan(POOL, TERMS, 1).step(0)


@given(st.sets(st.integers(-1, 50), min_size=1), st.integers(1, 6))
def test_snapshots_that_stand_for_others_are_never_newer_and_few(places, limit):
    found = stand_ins_for(sorted(places), limit)
    assert found.keys() == places
    assert all(stand <= place for place, stand in found.items())
    assert len(set(found.values()) - {-1}) <= limit
    assert found.get(-1, -1) == -1


def test_without_a_limit_every_state_has_its_own_snapshot():
    assert stand_ins_for([-1, 3, 9], None) == {-1: -1, 3: 3, 9: 9}
    assert stand_ins_for([3, 7, 9, 11], 3) == {3: 0, 7: 4, 9: 8, 11: 8}


def test_recipes_are_read_as_text_of_the_package():
    for name in recipe_names():
        assert set(tomllib.loads((RECIPE_FOLDER / f"{name}.toml").read_text("utf-8"))["methods"]) == set(METHODS)


def test_spread_recipes_visit_each_repository_sixteen_times_and_eight_in_a_step():
    for name, repositories in (("spread", 400), ("spread-nano", 96)):
        terms = load_recipe(name, "code2lora-memory").terms
        visit = terms.commits_per_visit * terms.tasks_per_commit
        assert terms.repositories_per_step == 8
        assert 4 <= visit <= 8
        assert terms.draws == 16 * repositories * visit
        own = load_recipe(name, "code2lora-memory").settings
        assert own.shared_learning_rate == pytest.approx(3 * own.learning_rate)
