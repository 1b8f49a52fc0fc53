"""The two stages of BiDR on small data, and the network that both train."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from methods.fitting import query_training  # noqa: E402
from methods.fitting.residual_map import ResidualMap  # noqa: E402
from methods.product.bidr import _training  # noqa: E402
from methods.product.bidr.recipe import DenseRecipe, SparseRecipe  # noqa: E402
from methods.product.bidr.sampling import CandidateGraph, batches  # noqa: E402
from methods.product.bidr.validation import Reranking, reciprocal_ranks  # noqa: E402
from methods.vectors import normalized, random_rotation  # noqa: E402

DIM = 16


@pytest.fixture(scope="module")
def logs():
    """Documents, queries that ask for them from a rotated space, and which one answers."""
    rng = np.random.default_rng(0)
    documents = normalized(rng.standard_normal((300, DIM)).astype(np.float32))
    answers = rng.integers(300, size=600)
    noise = 0.2 * rng.standard_normal((600, DIM))
    skew = 0.6 * np.eye(DIM) + 0.8 * random_rotation(DIM, 1)
    queries = normalized((documents[answers] @ skew + noise).astype(np.float32))
    return documents, queries, answers


def mean_reciprocal_rank(documents, queries, answers):
    right = np.arange(len(documents)) == answers[:, None]
    return reciprocal_ranks(queries @ documents.T, right).mean()


def codebooks(documents, subspaces=4, centroids=16):
    rng = np.random.default_rng(0)
    cut = documents.reshape(len(documents), subspaces, -1)
    return np.ascontiguousarray(cut[rng.choice(len(cut), centroids, replace=False)].transpose(1, 0, 2))


def decoded(books, documents):
    with torch.no_grad():
        return _training.straight_through(torch.from_numpy(documents), torch.from_numpy(books)).numpy()


def train_codes(logs, loss, **changes):
    documents, queries, answers = logs
    recipe = SparseRecipe(loss=loss, epochs=8, batch=100, codebook_rate=5e-3, hidden=8, **changes)
    nearest = np.argsort(-(queries @ documents.T), axis=1)[:, :20]
    start = codebooks(documents)
    return _training.train_codebooks(
        start, np.eye(DIM, dtype=np.float32), documents, queries, answers, nearest, recipe, seed=0
    )


def test_straight_through_decodes_by_the_nearest_centroids(logs):
    documents, books = logs[0], codebooks(logs[0])
    cut = documents.reshape(300, 4, 1, 4)
    nearest = ((cut - books[None]) ** 2).sum(axis=3).argmin(axis=2)
    expected = np.stack([books[m, nearest[:, m]] for m in range(4)], axis=1).reshape(300, DIM)
    np.testing.assert_allclose(decoded(books, documents), expected, atol=1e-6)


def test_gradients_are_those_of_a_hard_choice_with_a_softmax_behind_it(logs):
    documents = torch.from_numpy(logs[0][:50])
    books = torch.from_numpy(codebooks(logs[0])).requires_grad_(True)
    aim = torch.from_numpy(np.random.default_rng(0).standard_normal((50, DIM)).astype(np.float32))
    (_training.straight_through(documents, books, 0.7) * aim).sum().backward()
    got, books.grad = books.grad, None

    distances = (documents.view(50, 4, 1, 4) - books[None]).square().sum(dim=3)
    soft = torch.softmax(-0.7 * distances / distances.min(dim=2).values.mean().detach(), dim=2)
    hard = torch.nn.functional.one_hot(distances.argmin(dim=2), 16)
    chosen = hard + soft - soft.detach()
    (torch.einsum("nmk,mkw->nmw", chosen, books).reshape(50, DIM) * aim).sum().backward()
    np.testing.assert_allclose(got.numpy(), books.grad.numpy(), atol=1e-4)


def test_gradients_reach_centroids_that_are_not_nearest(logs):
    books = torch.from_numpy(codebooks(logs[0])).requires_grad_(True)
    _training.straight_through(torch.from_numpy(logs[0][:1]), books).sum().backward()
    assert books.grad is not None
    assert (books.grad.abs().sum(dim=2) > 0).all()


@pytest.mark.parametrize("loss", ["labels", "both"])
def test_codes_trained_with_labels_find_more_answers(logs, loss):
    documents, queries, answers = logs
    before = mean_reciprocal_rank(decoded(codebooks(documents), documents), queries, answers)
    books, query_map = train_codes(logs, loss)
    after = mean_reciprocal_rank(decoded(books, documents), query_map(queries), answers)
    assert after > 1.1 * before


def test_codes_trained_on_lists_score_more_like_the_vectors(logs):
    documents, queries, _ = logs
    exact = queries @ documents.T
    books, query_map = train_codes(logs, "lists")

    def shared_order(scores):
        return np.mean([np.corrcoef(own, all_)[0, 1] for own, all_ in zip(scores, exact, strict=True)])

    start = queries @ decoded(codebooks(documents), documents).T
    assert shared_order(query_map(queries) @ decoded(books, documents).T) > shared_order(start) + 0.02


def test_an_answer_under_another_query_is_no_negative():
    scores = torch.tensor([[1.0, 5.0], [0.0, 1.0]])
    same = query_training.info_nce(scores, torch.tensor([7, 7]), torch.tensor([7, 7]))
    other = query_training.info_nce(scores, torch.tensor([7, 8]), torch.tensor([7, 8]))
    assert float(same) == pytest.approx(0.0, abs=1e-6)
    assert float(other) > 1


def maps(logs, way="snowball", **changes):
    documents, queries, answers = logs
    recipe = DenseRecipe(epochs=4, batch=100, rate=5e-3, hidden=32, **changes)
    candidates = np.argsort(-(queries @ documents.T), axis=1)[:, :50]
    graph = CandidateGraph(candidates[:500], answers[:500], (0, 50), (0, 50))
    scores = np.take_along_axis(queries @ documents.T, candidates, axis=1)
    judge = Reranking(documents, queries[500:], answers[500:], candidates[500:], scores[500:])
    trained = _training.train_maps(
        documents,
        queries[:500],
        answers[:500],
        lambda epoch: batches(graph, way, 100, np.random.default_rng(epoch)),
        judge.score,
        recipe,
        seed=0,
    )
    return trained, judge


@pytest.mark.parametrize("way", ["snowball", "ann", "random"])
def test_mapped_vectors_order_unseen_queries_better(logs, way):
    trained, judge = maps(logs, way)
    assert judge.score(*trained) > judge.score(ResidualMap({}), ResidualMap({})) + 0.05


def test_one_map_for_both_is_the_same_map(logs):
    (of_documents, of_queries), _ = maps(logs, shared=True)
    assert all((of_documents.weights[name] == array).all() for name, array in of_queries.weights.items())


def test_no_epoch_better_than_the_start_keeps_the_identity(logs):
    documents, queries, answers = logs
    graph = CandidateGraph(np.zeros((600, 1), np.int64), answers, (0, 1), (0, 1))
    kept = _training.train_maps(
        documents,
        queries,
        answers,
        lambda epoch: batches(graph, "random", 100, np.random.default_rng(epoch)),
        lambda of_documents, _: 0.0 if of_documents.weights else 1.0,
        DenseRecipe(epochs=1, batch=100, hidden=4),
        seed=0,
    )
    assert kept == (ResidualMap({}), ResidualMap({}))


def test_the_same_seed_trains_the_same_maps(logs):
    first, second = maps(logs, dropout=0.1)[0], maps(logs, dropout=0.1)[0]
    for one, other in zip(first, second, strict=True):
        assert all((one.weights[name] == other.weights[name]).all() for name in one.weights)


def test_a_training_that_fails_leaves_the_random_state_of_torch(logs):
    documents, queries, answers = logs
    before = torch.random.get_rng_state()

    def fail(epoch):
        torch.rand(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _training.train_maps(documents, queries, answers, fail, None, DenseRecipe(epochs=1, hidden=4), seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_maps_in_numpy_and_torch_agree():
    rng = np.random.default_rng(0)
    start = ResidualMap.start(DIM, 8, 0).weights
    weights = {name: array + 0.1 * rng.standard_normal(array.shape).astype(np.float32) for name, array in start.items()}
    vectors = rng.standard_normal((20, DIM)).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    expected = query_training.residual(torch.from_numpy(vectors / lengths), tensors).numpy() * lengths
    np.testing.assert_allclose(ResidualMap(weights)(vectors), expected, atol=1e-5)
    np.testing.assert_allclose(ResidualMap.start(DIM, 8, 0)(vectors), vectors, atol=1e-6)


def test_the_weight_of_code_scores_is_the_best_one():
    documents = np.eye(3, dtype=np.float32)
    queries = np.array([[0.5, 0.75, 0]], np.float32)
    candidates, codes = np.array([[0, 1, -1]]), np.array([[1.0, 0.0, -np.inf]], np.float32)
    judge = Reranking(documents, queries, np.array([0]), candidates, codes)
    identity = ResidualMap({})
    assert judge.score(identity, identity) == 0.5
    assert judge.best_weight(identity, identity) == 0.3  # .5 + .3 is the first above .75
    nowhere = Reranking(documents, queries, np.array([2]), candidates, codes)
    assert nowhere.score(identity, identity) == 0
