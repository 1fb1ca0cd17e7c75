"""Evaluations → people: episodes, cases, routing, notices, escalation, the squad's pages.

Read in this order: ``service`` (what runs), ``consumer`` (a batch in one transaction),
``decide`` and ``route`` (pure), ``casework`` (doing it), ``outbox`` (delivery and clocks), ``pages``.
"""
