"""Voximplant's Management API, as far as call lists go.

Written from the provider's reference pages (CreateCallList, CallLists, authorization, the guides on automated and
editable call lists), its error table, and what its official SDKs send and expect. What those leave open is a switch.

Not modelled: several lists competing by `priority`, the predictive dialer (its parameters are checked), the column
`next_attempt_time`, applications and rules (any positive rule_id will do), prices (a balance changes when it is put),
EditCallListTask, EditCallListTasksPriority, DeleteCallList, asynchronous reports.
"""
