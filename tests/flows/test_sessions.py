"""A session is a thing that its owner sees and ends."""

from tests.people import House

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_the_list_shows_each_live_session_with_its_device(house: House) -> None:
    house.account()
    body = {"username": "ada", "password": "correct-horse-battery"}
    house.post("/login", body, headers={"User-Agent": FIREFOX})
    access, _ = house.tokens()
    here, there = house.get("/sessions", access).get_json()
    assert (here["current"], there["current"]) == (True, False)
    assert there["device"] == "Firefox on Linux"
    assert there["user_agent"] == FIREFOX
    assert there["ip"] == "127.0.0.1"


def test_ending_one_session_kills_its_tokens_at_once(house: House) -> None:
    house.account()
    lost, refresh = house.tokens()
    access, _ = house.tokens()
    lost_id = house.get("/sessions", lost).get_json()[-1]["id"]
    assert house.ask("DELETE", f"/sessions/{lost_id}", token=access).status_code == 204
    for path, token in (("/profile", lost), ("/sessions", lost)):
        assert house.get(path, token).get_json()["reason"] == "revoked_by_user"
    assert house.post("/refresh", token=refresh).get_json()["code"] == "session_ended"
    assert house.get("/profile", access).status_code == 200
    assert [session["current"] for session in house.get("/sessions", access).get_json()] == [True]


def test_ending_the_others_spares_the_present_one_and_other_people(house: House) -> None:
    house.account()
    house.account("bea", "bea@example.org")
    others = [house.tokens()[0] for _ in range(3)]
    bea, _ = house.tokens("bea")
    access, _ = house.tokens()
    assert house.ask("DELETE", "/sessions", token=access).status_code == 204
    assert {house.get("/profile", token).get_json()["code"] for token in others} == {"session_ended"}
    assert house.get("/profile", access).status_code == house.get("/profile", bea).status_code == 200


def test_another_users_session_is_not_found_and_lives_on(house: House) -> None:
    house.account()
    house.account("bea", "bea@example.org")
    bea, _ = house.tokens("bea")
    bea_id = house.get("/sessions", bea).get_json()[0]["id"]
    access, _ = house.tokens()
    assert house.ask("DELETE", f"/sessions/{bea_id}", token=access).get_json()["code"] == "not_found"
    assert house.get("/profile", bea).status_code == 200
