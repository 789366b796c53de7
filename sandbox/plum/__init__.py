"""Plum Voice's outbound webservice: queuecalls.php and queuecall.php.

Written from the provider's page of queuecalls, the sibling page of queuecall, the parameter notes and the outbound
guide. Names that those lost and answers they do not show are switches. There is no list, no status and no cancel in
this API; what became of a call is posted to its result_url, in fields that are documented nowhere.
"""
