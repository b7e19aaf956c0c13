"""What people do, in which mixture, and what must hold of it afterwards.

Each kind writes and reads as a front end does: who wrote reads it back at once, from whatever node, and must see it.
"""

import asyncio
import itertools
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.queries import MUTATIONS, OPERATIONS, SampleIds
from bench.soak.clients import Figures, Person, RequestFailed
from bench.soak.mailbox import Mailbox
from models.articles import ArticleLanguage

__all__ = ["NEW_TASK", "Traffic"]

PREFIX = "Soak "  # of what it writes
NEW_TASK = f"{PREFIX}new "  # of the titles of the tasks that it creates, which nobody renames
PASSWORD = "Soak-0-secret!"  # noqa: S105  # of accounts that live as long as the run
LETTER_SECONDS = 45  # until a letter is asked for again
MAX_UNFINISHED = 400  # operations under way, beyond which the rate is not kept
BULK = 20
LANGUAGES = tuple(language.name for language in ArticleLanguage)

READ_TASK = "query($id: ID!) { task(id: $id) { title version } }"
CREATE_TASK = """mutation($input: CreateTaskInput!) { createTask(input: $input) {
    __typename ... on Task { id } ... on Error { code message } } }"""
UPDATE_TASKS = """mutation($input: UpdateTasksInput!) { updateTasks(input: $input) {
    __typename ... on TaskOutcomes { failed } ... on Error { code message } } }"""
PLACE_ORDER = """mutation($input: PlaceOrderInput!) { placeOrder(input: $input) {
    __typename ... on Order { id } ... on Error { code message } } }"""
ORDER_STEPS = tuple(
    f"mutation($id: ID!) {{ {name}Order(input: {{id: $id}}) {{ __typename ... on Order {{ status }} "
    "... on Error { code message } } }"
    for name in ("confirm", "ship", "deliver")
)
READ_ORDER = "query($id: ID!) { order(id: $id) { status } }"
CREATE_DOCUMENT = """mutation($input: CreateDocumentInput!) { createDocument(input: $input) {
    __typename ... on Document { id } ... on Error { code message } } }"""
CHANGE_DOCUMENT = """mutation($id: ID!, $content: String!) {
    updateDocument(input: {id: $id, content: $content}) { __typename ... on Error { code message } }
    deleteDocument(input: {id: $id}) { __typename ... on Error { code message } } }"""
READ_TRASH = "{ trash(first: 5) { nodes { id } } }"
CREATE_ARTICLE = """mutation($input: CreateArticleInput!) { createArticle(input: $input) {
    __typename ... on Article { id } ... on Error { code message } } }"""
UPDATE_ARTICLE = """mutation($id: ID!, $content: String!) { updateArticle(input: {id: $id, content: $content}) {
    __typename ... on Article { id } ... on Error { code message } } }"""
SEARCH = """query($query: String!, $language: ArticleLanguage) {
    searchArticles(query: $query, language: $language, first: 10) { totalCount
        edges { node { id title } snippetSegments { text match } } } }"""
COMMENT = """mutation($input: CreateCommentInput!) { createComment(input: $input) {
    __typename ... on Comment { id } ... on Error { code message } } }"""
AUDIT = "{ auditLog(first: 20) { nodes { id action operation createdAt changes { field } } } }"
REGISTER = """mutation($input: RegisterInput!) { register(input: $input) {
    __typename ... on Session { accessToken refreshToken expiresAt } ... on Error { code message } } }"""
ASK_FOR_RESET = """mutation($email: String!) { requestPasswordReset(input: {email: $email}) {
    __typename ... on Error { code message } } }"""
RESET = """mutation($token: String!, $password: String!) {
    resetPassword(input: {token: $token, newPassword: $password}) { __typename ... on Error { code message } } }"""


@dataclass
class Traffic:
    """The people, what they have made, and the figures of the present period."""

    people: list[Person]
    data: SampleIds
    mailbox: Mailbox
    chance: Random
    figures: Figures = field(default_factory=Figures)
    created: dict[str, float] = field(default_factory=dict)
    """When each new task was acknowledged, by its global ID."""
    articles: dict[str, str] = field(default_factory=dict)
    """An article of each language."""
    letters_asked_again: int = 0
    _tasks: deque[str] = field(default_factory=deque)
    """Those that nobody is changing."""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def prepare(self) -> None:
        """Log everybody in, and write an article in each language."""
        for person in self.people:
            await person.log_in(self.figures)
        self._tasks.extend(self.data.tasks)
        for language in LANGUAGES:
            content = f"Parcels and pallets. {_word(language)}"
            given = {"title": f"{PREFIX}{language}", "content": content, "language": language, "status": "PUBLISHED"}
            made = await self._run("articles", CREATE_ARTICLE, {"input": given}, self.people[0])
            self.articles[language] = _of("Article", made["createArticle"])["id"]

    async def run(self, rate: float, stops: asyncio.Event) -> None:
        """Begin so many operations a second until told to stop, whatever becomes of those before; wait for them."""
        began, sent = time.perf_counter(), 0
        kinds, weights = zip(*MIXTURE.items(), strict=True)
        while not stops.is_set():
            due = began + sent / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent += 1
            if len(self._running) >= MAX_UNFINISHED:
                self.figures.failures.append(f"{MAX_UNFINISHED} operations are unfinished")
                continue
            kind = self.chance.choices(kinds, weights)[0]
            task = asyncio.create_task(self._do(kind, due))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        await asyncio.gather(*self._running)

    async def _do(self, kind: str, due: float) -> None:
        try:
            await KINDS[kind](self, self.chance.choice(self.people), due)
        except RequestFailed as failure:
            self.figures.failures.append(str(failure))

    async def _run(self, kind: str, query: str, given: dict[str, Any], person: Person, due: float = 0.0) -> Any:
        return await person.execute(kind, self.figures, query, given, due)

    def _title(self) -> str:
        return f"{PREFIX}{next(self._numbers)}"

    async def read_lists(self, person: Person, due: float) -> None:
        """Read one of the bench's queries."""
        operation = self.chance.choice([each for each in OPERATIONS.values() if each not in MUTATIONS])
        given = operation.variables(self.chance, self.data)
        await self._run("lists", operation.text, given, person, due)

    async def read_order(self, person: Person, due: float) -> None:
        """Read one order."""
        operation = OPERATIONS["Q3"]
        await self._run("one order", operation.text, operation.variables(self.chance, self.data), person, due)

    async def update_task(self, person: Person, due: float) -> None:
        """Rename a task, and read it."""
        task, title = self._tasks.popleft(), self._title()
        try:
            operation = OPERATIONS["Q4"]
            given = {"input": {"id": f"Task:{task}", "title": title}}
            await self._run("updates", operation.text, given, person, due)
            await self._expect(person, READ_TASK, f"Task:{task}", lambda data: data["task"]["title"] == title)
        finally:
            self._tasks.append(task)

    async def update_tasks(self, person: Person, due: float) -> None:
        """Rename some tasks at once, and read one."""
        tasks, title = [self._tasks.popleft() for _ in range(BULK)], self._title()
        try:
            given = {"input": {"tasks": [{"id": f"Task:{each}", "title": title} for each in tasks]}}
            done = (await self._run("bulk updates", UPDATE_TASKS, given, person, due))["updateTasks"]
            if done.get("failed"):
                raise RequestFailed(f"bulk updates: {done}")
            await self._expect(person, READ_TASK, f"Task:{tasks[0]}", lambda data: data["task"]["title"] == title)
        finally:
            self._tasks.extend(tasks)

    async def create_task(self, person: Person, due: float) -> None:
        """Create a task, and read it."""
        title = f"{NEW_TASK}{next(self._numbers)}"
        given = {"input": {"title": title, "idempotencyKey": str(uuid.uuid4())}}
        made = _of("Task", (await self._run("new tasks", CREATE_TASK, given, person, due))["createTask"])
        self.created[made["id"]] = time.perf_counter()
        await self._expect(person, READ_TASK, made["id"], lambda data: (data["task"] or {}).get("title") == title)

    async def place_order(self, person: Person, due: float) -> None:
        """Place an order, and take it to its end."""
        items = [{"productId": f"Product:{self.chance.choice(self.data.products)}", "quantity": 1}]
        address = f"{PREFIX}{next(self._numbers)}"
        given = {"input": {"items": items, "shippingAddress": address, "idempotencyKey": str(uuid.uuid4())}}
        made = _of("Order", (await self._run("new orders", PLACE_ORDER, given, person, due))["placeOrder"])
        for step in ORDER_STEPS:
            await self._run("order steps", step, {"id": made["id"]}, person)
        await self._expect(person, READ_ORDER, made["id"], lambda data: data["order"]["status"] == "DELIVERED")

    async def use_documents(self, person: Person, due: float) -> None:
        """Write a document, change it, put it in the trash, and look there."""
        given = {"input": {"title": self._title(), "content": "First", "idempotencyKey": str(uuid.uuid4())}}
        made = _of("Document", (await self._run("documents", CREATE_DOCUMENT, given, person, due))["createDocument"])
        await self._run("documents", CHANGE_DOCUMENT, {"id": made["id"], "content": "Second"}, person)
        await self._run("documents", READ_TRASH, {}, person)

    async def search(self, person: Person, due: float) -> None:
        """Search the articles of a language."""
        language = self.chance.choice(LANGUAGES)
        found = await self._run("search", SEARCH, {"query": _word(language), "language": language}, person, due)
        if not found["searchArticles"]["totalCount"]:
            raise RequestFailed(f"search: nothing is found in {language}")

    async def update_article(self, person: Person, due: float) -> None:
        """Write an article anew."""
        language = self.chance.choice(LANGUAGES)
        content = f"Parcels, pallets and {next(self._numbers)} boxes. {_word(language)}"
        await self._run("articles", UPDATE_ARTICLE, {"id": self.articles[language], "content": content}, person, due)

    async def comment(self, person: Person, due: float) -> None:
        """Comment on a task."""
        task = self.chance.choice(self.data.tasks)
        given = {"taskId": f"Task:{task}", "body": self._title(), "idempotencyKey": str(uuid.uuid4())}
        _of("Comment", (await self._run("comments", COMMENT, {"input": given}, person, due))["createComment"])

    async def read_audit_log(self, person: Person, due: float) -> None:
        """Read the newest entries of the audit log."""
        await self._run("audit log", AUDIT, {}, person, due)

    async def recover_account(self, _person: Person, due: float) -> None:
        """Register, forget the password, be sent a letter, choose another one, and log in with it."""
        email = f"soak-{uuid.uuid4()}@example.com"
        person = Person(self.people[0].balancer, email, PASSWORD)
        given = {"input": {"email": email, "fullName": "Soak", "password": PASSWORD}}
        made = await person.execute_anonymously("accounts", self.figures, REGISTER, given, due)
        if made["register"]["__typename"] == "AlreadyExists":  # the first answer was lost
            await person.log_in(self.figures)
        else:
            person.session = _of("Session", made["register"])
        token = await self._ask_for_letter(person)
        person.password = f"{PASSWORD}{PASSWORD}"
        changed = {"token": token, "password": person.password}
        done = await person.execute_anonymously("accounts", self.figures, RESET, changed)
        if done["resetPassword"]["__typename"] not in {"SessionsEnded", "InvalidToken"}:  # the latter: the second time
            raise RequestFailed(f"accounts: {done}")
        await person.log_in(self.figures)

    async def _ask_for_letter(self, person: Person) -> str:
        began = time.perf_counter()
        while True:
            given = {"email": person.email}
            await person.execute_anonymously("accounts", self.figures, ASK_FOR_RESET, given)
            try:
                async with asyncio.timeout(LETTER_SECONDS):
                    token = await self.mailbox.wait_for_token(person.email, "reset-password")
            except TimeoutError:  # what a process has not sent when it is killed is gone
                self.letters_asked_again += 1
            else:
                self.figures.letters.append(time.perf_counter() - began)
                return token

    async def _expect(self, person: Person, query: str, id_: str, holds: Callable[[Any], bool]) -> None:
        data = await self._run("read back", query, {"id": id_}, person)
        self.figures.stale += not holds(data)


def _of(type_name: str, result: dict[str, Any]) -> dict[str, Any]:
    if result["__typename"] != type_name:
        raise RequestFailed(f"{type_name}: {result}")
    return result


def _word(language: str) -> str:
    """Return a word that only the articles of a language have."""
    return f"soak{language.lower()}"


KINDS: dict[str, Callable[[Traffic, Person, float], Awaitable[None]]] = {
    "lists": Traffic.read_lists,
    "one order": Traffic.read_order,
    "updates": Traffic.update_task,
    "bulk updates": Traffic.update_tasks,
    "new tasks": Traffic.create_task,
    "new orders": Traffic.place_order,
    "documents": Traffic.use_documents,
    "search": Traffic.search,
    "articles": Traffic.update_article,
    "comments": Traffic.comment,
    "audit log": Traffic.read_audit_log,
    "accounts": Traffic.recover_account,
}
MIXTURE = {
    "lists": 30,
    "one order": 20,
    "updates": 12,
    "bulk updates": 1,
    "new tasks": 10,
    "new orders": 5,
    "documents": 3,
    "search": 10,
    "articles": 2,
    "comments": 4,
    "audit log": 2,
    "accounts": 0.5,
}
"""How often each is begun, of a hundred or so."""
