"""The records of a synthetic Actimo workspace: a Nordic chain of shops in which nobody exists.

A record depends on the seed, its workspace and its number only, so a twin of another size has the same people. Times
are local to the workspace; how they and all other values are spelt is the writer's business (`actimo_formats`).
E-mail domains are reserved for examples; phone numbers are a digit shorter than any that Danish operators give out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from loaders.rehearsal.twin import actimo_words as words

NOW = datetime(2026, 6, 30, 12)  # the twin's present, so that a seed means the same data for ever
FIRST_ID = 50_000
NO_EMAIL = 0.10
NO_COMPANY = 0.12
NO_UNIQUE_ID = 0.05
STATUSES = (("active", 0.80), ("inactive", 0.08), ("invited", 0.07), ("pending", 0.05))

Row = dict[str, Any]


class ActimoRows:
    """All tables of one workspace with this many contacts."""

    def __init__(self, contacts: int, seed: int, workspace: str) -> None:
        self.contacts, self.seed, self.workspace = contacts, seed, workspace
        self.message_count = max(5, min(400, contacts // 50))
        self.academy_count = max(2, min(40, contacts // 250))
        self.gone = FIRST_ID + contacts + 999  # a contact that somebody deleted

    def tables(self) -> Mapping[str, Callable[[], Iterator[Row]]]:
        """Every table of a delivery with the function that makes its rows; the same rows at every call."""
        return {
            "contacts": self.people, "groups": self.groups, "group_members": self.members,
            "contact_relationships": self.relations, "messages": self.messages,
            "message_recipients": self.recipients, "message_module_responses": self.module_responses,
            "academies": self.academies, "academy_trainings": self.trainings,
            "academy_enrollments": self.enrollments, "surveys": self.surveys,
            "survey_questions": self.questions, "survey_responses": self.responses,
            "pulse_results": self.pulse, "feedback": self.feedback, "engagement_scores": self.scores,
            "admins": self.admins, "automations": self.automations,
        }  # fmt: skip

    def people(self) -> Iterator[Row]:
        """Contacts by id; the first two manage each other, every 211th was anonymised."""
        return (self.person(number) for number in range(1, self.contacts + 1))

    def person(self, number: int) -> Row:
        """One contact."""
        random = self._random("person", number)
        first, last = random.choice(words.FIRST_NAMES), random.choice(words.LAST_NAMES)
        email = (
            None
            if random.random() < NO_EMAIL
            else f"{words.ascii_of(first)}.{number}@{self.workspace}.example"
        )
        if email and number % 50 == 0:
            email = email.upper()
        shop = random.choice(words.SHOPS)
        phone = f"2000{number % 10_000:04}"[:7]
        created = NOW - timedelta(days=random.randrange(30, 1500), minutes=random.randrange(1440))
        gone = number % 211 == 0
        status = random.choices([name for name, _ in STATUSES], [share for _, share in STATUSES])[0]
        return {
            "contact_id": str(FIRST_ID + number),
            "unique_id": self._unique_id(number),
            "first_name": "Deleted" if gone else first,
            "last_name": "Contact" if gone else None if random.random() < 0.02 else last,
            "email": None if gone else email,
            "country_code": None if gone or number % 13 == 0 else "45",
            "phone_number": None if gone else random.choice((phone, phone, f"+45{phone}", f"0045{phone}")),
            "title": random.choice(words.TITLES),
            "department": None if gone else shop,
            "company": None if random.random() < NO_COMPANY else random.choice(words.COMPANIES),
            "location": shop.split(" ")[-1],
            "manager_unique_id": self._manager(number),
            "employee_status": None
            if gone
            else random.choice((status, status, status.title(), status.upper())),
            "opt_out": random.random() < 0.03,
            "allow_email": random.random() < 0.9,
            "allow_sms": random.random() < 0.95,
            "timezone": "Europe/Copenhagen",
            "addr_line_1": random.choice(
                (None, f"Eksempelvej {number % 300}", f"Prøvegade {number % 80}; 2. th")
            ),
            "addr_zip": random.choice((None, "0999", "8000", "24103")),
            "addr_city": random.choice((None, "Eksempelby", "Prøveby")),
            "addr_country": random.choice((None, "DK", "DE")),
            "tags": random.choice((None, "kasse", "kasse|lager")),
            "data1": random.choice((None, "S", "M", "L", "To\nlinjer")),
            "data2": random.choice((None, "03-04-2020", "17-09-2022")),
            "data3": random.choice((None, "Fuldtid", "Deltid")),
            "created_at": created,
            "updated_at": created + timedelta(days=random.randrange(1, 30)),
            "last_active_at": None
            if status in ("invited", "pending")
            else NOW - timedelta(days=random.randrange(1, 25)),
        }

    def groups(self) -> Iterator[Row]:
        """Three groups, the last one empty."""
        for number, (name, kind) in enumerate(
            (("Alle filialer", "manual"), ("Mellemledere", "automatic"), ("Ubrugt", "manual"))
        ):
            count = (
                sum(1 for row in self.members() if row["group_id"] == str(301 + number)) if number < 2 else 0
            )
            yield {
                "group_id": str(301 + number), "name": name, "description": None, "type": kind,
                "member_count": count, "created_at": NOW - timedelta(days=1600),
            }  # fmt: skip

    def members(self) -> Iterator[Row]:
        """Memberships: everybody in the first group, every eighth in the second, one member who is gone."""
        for number in range(1, self.contacts + 1):
            for group in ("301", "302") if number % 8 == 0 else ("301",):
                removed = number % 37 == 0
                yield {
                    "group_id": group, "contact_id": str(FIRST_ID + number), "added_at": NOW - timedelta(days=900),
                    "added_by_email": f"admin@{self.workspace}.example",
                    "removed_at": NOW - timedelta(days=40) if removed else None,
                    "removed_by_email": "automation" if removed else None,
                }  # fmt: skip
        yield {
            "group_id": "301", "contact_id": str(self.gone), "added_at": NOW - timedelta(days=900),
            "added_by_email": None, "removed_at": None, "removed_by_email": None,
        }  # fmt: skip

    def relations(self) -> Iterator[Row]:
        """Managers by contact id, and a few buddies."""
        for number in range(1, self.contacts + 1):
            yield {
                "contact_id": str(FIRST_ID + number),
                "related_contact_id": str(FIRST_ID + self._manager_number(number)),
                "relationship_type": "manager",
            }
            if number % 40 == 0:
                yield {
                    "contact_id": str(FIRST_ID + number), "related_contact_id": str(FIRST_ID + number - 1),
                    "relationship_type": "buddy",
                }  # fmt: skip

    def messages(self) -> Iterator[Row]:
        """Messages; the first has images, the last is a draft, every seventh hides who read it."""
        for number in range(1, self.message_count + 1):
            random = self._random("message", number)
            draft, hidden = number == self.message_count, number % 7 == 0
            published = self._published(number)
            sent, views = (0, 0) if draft else (self._audience(number), random.randrange(1, 9))
            yield {
                "message_id": str(1_733_000 + number),
                "title": f'{random.choice(words.SUBJECTS)} {number}: "{random.choice(words.THEMES)}"',
                "channel": random.choice(("news", "event", "training", "survey")),
                "category": "News",
                "author_email": f"{random.choice(('admin', 'karen', 'gone.admin'))}@{self.workspace}.example",
                "status": "draft" if draft else "published",
                "published_at": None if draft else published,
                "archived_at": published + timedelta(days=9) if number % 5 == 0 else None,
                "published_to": sent, "notified_to": sent + 1, "unique_views": min(sent, views),
                "total_views": views * 2, "open_rate": 100 * min(sent, views) / sent if sent else None,
                "likes": random.randrange(20), "comments": random.randrange(5),
                "anonymise_statistics": hidden, "language": "da", "body_html": self._body(number),
            }  # fmt: skip

    def recipients(self) -> Iterator[Row]:
        """Recipients of the messages whose statistics are open; the first row stands in twice."""
        first: Row | None = None
        for number in range(1, self.message_count):
            if number % 7 == 0:
                continue
            for place in range(self._audience(number)):
                row = self._recipient(number, place)
                first = first or row
                yield row
        if first:
            yield first

    def module_responses(self) -> Iterator[Row]:
        """Answers to modules: a quiz for every fifth person, and anonymous NPS values."""
        for number in range(1, self.contacts + 1, 5):
            random, hidden = self._random("module", number), number % 3 == 0
            yield {
                "message_id": "1733001", "module_id": "m4" if hidden else "m1",
                "module_type": "nps" if hidden else "quiz", "question": "Hvor hænger førstehjælpskassen?",
                "contact_id": None if hidden else str(FIRST_ID + number),
                "answer": str(random.randrange(11)) if hidden else "I køkkenet",
                "is_correct": None if hidden else random.random() < 0.7,
                "score": random.randrange(11) if hidden else 1, "private": None, "anonymous": hidden,
                "responded_at": self._published(1) + timedelta(minutes=number),
            }  # fmt: skip

    def academies(self) -> Iterator[Row]:
        """Learning paths; every second one without duration."""
        for number in range(1, self.academy_count + 1):
            yield {
                "academy_id": str(70 + number), "name": f"Kursus {number}", "description": "Onboarding & sikkerhed",
                "estimated_duration_minutes": 90 if number % 2 else None, "passing_score": 80,
                "status": "published", "created_at": NOW - timedelta(days=700),
                "updated_at": NOW - timedelta(days=100),
            }  # fmt: skip

    def trainings(self) -> Iterator[Row]:
        """Three trainings an academy, one with a message that the export does not have."""
        for number in range(1, self.academy_count + 1):
            for place in range(1, 4):
                yield {
                    "academy_id": str(70 + number), "section": f"Uge {place}", "training_id": str(900 + 10 * number + place),
                    "position": place, "message_id": {1: "1733001", 2: "1999999"}.get(place),
                    "title": f"Modul {place}", "passing_score": 80, "points": 2.5 * place,
                    "available_from": NOW - timedelta(days=600), "due_date": None, "retakes_allowed": place != 3,
                }  # fmt: skip

    def enrollments(self) -> Iterator[Row]:
        """Enrolments: one or two a contact, in every status, and one of a contact who is gone."""
        for number in range(1, self.contacts + 1):
            for course in {1 + number % self.academy_count, 1 + (number // 3) % self.academy_count}:
                yield self._enrollment(number, FIRST_ID + number, course)
        yield self._enrollment(0, self.gone, 1)

    def surveys(self) -> Iterator[Row]:
        """A survey with names, one without, and a pulse."""
        for survey, title, kind, hidden in (
            ("401", "Arbejdsmiljø", "survey", False), ("402", "Sig din mening", "survey", True),
            ("403", "Pulse", "pulse", True),
        ):  # fmt: skip
            yield {
                "survey_id": survey, "title": title, "survey_type": kind,
                "message_id": "1733002" if hidden and kind == "survey" else None, "anonymous": hidden,
                "status": "closed", "opened_at": self._published(1), "closed_at": self._published(1) + timedelta(days=14),
                "invited_count": self.contacts, "respondent_count": self.contacts // 2,
            }  # fmt: skip

    def questions(self) -> Iterator[Row]:
        """Questions; ids repeat between surveys."""
        for survey, question, kind, options in (
            ("401", "q1", "scale", None), ("401", "q2", "text", None),
            ("401", "q3", "multiple_choice", "Kantine|Cykel|Intet"), ("402", "q1", "nps", None),
            ("403", "p1", "scale", None),
        ):  # fmt: skip
            yield {
                "survey_id": survey, "question_id": question, "position": int(question[1]),
                "question_text": f"Spørgsmål {question}?", "question_type": kind, "category": "Arbejdsmiljø",
                "options": options, "scale_min": 1 if kind == "scale" else None,
                "scale_max": 5 if kind == "scale" else None, "required": question == "q1",
            }  # fmt: skip

    def responses(self) -> Iterator[Row]:
        """Answers of every second contact, anonymous ones to the second survey."""
        for number in range(1, self.contacts + 1, 2):
            random, moment = (
                self._random("answer", number),
                self._published(1) + timedelta(hours=1 + number % 200),
            )
            named = {"response_id": f"r{number}", "survey_id": "401", "contact_id": str(FIRST_ID + number)}
            yield named | {
                "question_id": "q1", "answer_value": str(random.randrange(1, 6)), "answer_text": None,
                "submitted_at": moment,
            }  # fmt: skip
            if number % 4 == 1:
                text = random.choice(('Flere pauser, "rigtige"\nstole', "Stole; og te", "Ingenting"))
                yield named | {
                    "question_id": "q2",
                    "answer_value": None,
                    "answer_text": text,
                    "submitted_at": moment,
                }
            yield {
                "response_id": f"a{number}", "survey_id": "402", "question_id": "q1", "contact_id": None,
                "answer_value": str(random.randrange(11)), "answer_text": None, "submitted_at": moment,
            }  # fmt: skip

    def pulse(self) -> Iterator[Row]:
        """Aggregates; a team of two has no values."""
        for scope, name, count in (
            ("company", self.workspace, self.contacts),
            ("manager", "E-1001", 4),
            ("manager", "E-1009", 2),
        ):
            shown = count >= 3
            yield {
                "survey_id": "403", "question_id": "p1", "category": "Team", "period": "2026-06", "scope_type": scope,
                "scope_name": name, "respondent_count": count, "average_score": 3.9 if shown else None,
                "favourable_percent": 71.4 if shown else None, "enps": -14.3 if scope == "company" else None,
            }  # fmt: skip

    def feedback(self) -> Iterator[Row]:
        """One-on-one threads of every tenth contact, some without an entry."""
        for number in range(3, self.contacts + 1, 10):
            random, manager = self._random("feedback", number), FIRST_ID + self._manager_number(number)
            day = NOW - timedelta(days=random.randrange(5, 300))
            yield {
                "thread_id": f"fb-{number}", "subject": random.choice(("1:1", "Samtale", "")),
                "employee_contact_id": str(FIRST_ID + number), "manager_contact_id": str(manager),
                "scheduled_date": day.date(), "status": "completed",
                "entries": [
                    {
                        "entry_id": f"fb-{number}-{place}", "author_contact_id": str(manager), "author_email": None,
                        "content": random.choice(("Plan: 5 % flere gæster", "Tak, jeg vil gerne lære mere 👍")),
                        "created_at": (day + timedelta(minutes=place)).isoformat(),
                    }
                    for place in range(random.randrange(4))
                ],
            }  # fmt: skip

    def scores(self) -> Iterator[Row]:
        """Scores: two periods of engagement, an eNPS for some, one empty."""
        for number in range(1, self.contacts + 1):
            random = self._random("score", number)
            for kind, period, top in (
                ("engagement", "2026-05", 5000),
                ("engagement", "2026-06", 5000),
                ("enps", "2026-06", 10),
            ):
                if kind == "enps" and number % 3:
                    continue
                score = None if number % 29 == 0 else round(random.random() * top, 1)
                yield {
                    "contact_id": str(FIRST_ID + number), "score_type": kind, "score": score, "scale_min": 0,
                    "scale_max": top, "period": period, "calculated_at": NOW - timedelta(days=20),
                }  # fmt: skip

    def admins(self) -> Iterator[Row]:
        """An admin, an editor who is also a contact, and one who was disabled."""
        for number, (name, role, status) in enumerate(
            (
                ("admin", "admin", "active"),
                ("Lis", "editor", "active"),
                ("gone.admin", "admin", "disabled"),
            ),
            start=1,
        ):
            yield {
                "admin_id": str(number), "name": name.title(), "email": f"{name}@{self.workspace}.example", "role": role,
                "status": status, "last_login_at": NOW - timedelta(hours=5) if number == 1 else None,
            }  # fmt: skip

    def automations(self) -> Iterator[Row]:
        """Two automations, one of them off."""
        yield {
            "automation_id": "au-1", "name": "Onboarding", "active": True, "trigger": {"type": "contact_created"},
            "rules": [{"type": "time_delay", "days": 3}],
            "actions": [{"type": "send_message", "message_id": 1_733_001, "delay_minutes": 0}],
        }  # fmt: skip
        yield {
            "automation_id": "au-2", "name": "Prøve bestået", "active": False,
            "trigger": {"type": "message_opened", "message_id": 1_733_001},
            "rules": [{"type": "all_quizzes_completed"}],
            "actions": [{"type": "update_groups", "add": [302], "remove": [301]}],
        }  # fmt: skip

    def _random(self, kind: str, number: int) -> Random:
        """The random numbers of one record."""
        return Random(f"{self.seed}/{self.workspace}/{kind}/{number}")

    def _unique_id(self, number: int) -> str | None:
        if number % 97 == 0:
            return f"{number:06}"
        return (
            None
            if number > 9 and self._random("unique", number).random() < NO_UNIQUE_ID
            else f"E-{1000 + number}"
        )

    def _manager_number(self, number: int) -> int:
        """A tree of eight a team; the first two contacts manage each other."""
        return {1: min(2, self.contacts), 2: 1}.get(number, 1 + number // 8)

    def _manager(self, number: int) -> str | None:
        if number % 113 == 0:
            return "E-99999999"
        return self._unique_id(self._manager_number(number))

    def _published(self, number: int) -> datetime:
        return NOW - timedelta(days=10 + number, minutes=number)

    def _audience(self, number: int) -> int:
        """Recipients of a message: about three a contact over all messages."""
        return max(1, min(self.contacts, 3 * self.contacts // self.message_count + number % 3))

    def _recipient(self, message: int, place: int) -> Row:
        number = 1 + (message * 7 + place) % self.contacts
        random, person = self._random("recipient", message * 1_000_003 + place), self.person(number)
        sent, gone = self._published(message), place == 4
        opened = sent + timedelta(minutes=random.randrange(1, 2000)) if random.random() < 0.6 else None
        replied = opened + timedelta(minutes=2) if opened and random.random() < 0.05 else None
        return {
            "message_id": str(1_733_000 + message), "contact_id": str(self.gone if gone else FIRST_ID + number),
            "name": "Deleted contact" if gone else f"{person['first_name']} {person['last_name'] or ''}".strip(),
            "email": None if gone else person["email"],
            "mobile_phone": None if gone or not person["phone_number"] else f"+45{person['phone_number'][-7:]}",
            "department": person["department"], "notification": random.choice(("push", "sms", "email")),
            "notified_at": sent, "push_opened_at": opened, "opened_on": opened,
            "views": random.randrange(1, 5) if opened else 0,
            "clicked_at": opened + timedelta(minutes=1) if opened and random.random() < 0.2 else None,
            "replied_at": replied, "reply_text": "Fint 👍" if replied else None,
            "bounced": not opened and random.random() < 0.05, "traffic_source": "push" if opened else None,
        }  # fmt: skip

    def _enrollment(self, number: int, contact: int, course: int) -> Row:
        random = self._random("enrolment", number * 100 + course)
        assigned = NOW - timedelta(days=random.randrange(20, 500))
        status = random.choice(("Not started", "In Progress", "Completed", "Overdue"))
        started = None if status == "Not started" else assigned + timedelta(days=1, minutes=number % 1440)
        done = started + timedelta(days=3) if started and status == "Completed" else None
        return {
            "enrollment_id": f"{70 + course}-{contact}", "academy_id": str(70 + course), "contact_id": str(contact),
            "assigned_at": assigned, "start_date": started, "completion_date": done,
            "due_date": (assigned + timedelta(days=30)).date() if number % 2 else None, "status": status,
            "progress_percent": 100 if done else 66.7 if started else 0,
            "score": f"{random.randrange(60, 101)} %" if done else None, "attempts": 1 if started else 0,
            "trainings_completed": 3 if done else 0, "trainings_total": 3,
        }  # fmt: skip

    def _body(self, number: int) -> str:
        """HTML; the first message has an image of the delivery and one in the text itself."""
        text = "<p>Hej &amp; velkommen</p>"
        if number == 1:
            text += (
                f'<img src="https://a.actimo.example/{self.workspace}/img-1.png"><img src="{words.DATA_URI}">'
            )
        return text
